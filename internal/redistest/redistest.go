// Package redistest runs real Redis servers for tests: on loopback, on ports of their own, without persistence, ended
// with the test or with the test's process, however that ends. Tests skip where redis-server is not installed.
package redistest

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout bounds how long a server may take to answer; a loaded machine needs some of it.
const startTimeout = 15 * time.Second

// Server is one redis-server process, which the test may kill, stop and start again on the same address.
type Server struct {
	Addr string // host:port

	t    testing.TB
	args []string

	mu      sync.Mutex
	process *process
}

// Start runs a server with further command-line arguments, as in "--maxmemory", "1mb", until the test ends.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return StartAt(t, freePort(t), args...)
}

// StartAt runs a server at a given port of loopback.
func StartAt(t testing.TB, port int, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	s.args = append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", t.TempDir(),
		"--save", "", "--appendonly", "no", "--daemonize", "no",
	}, args...)
	t.Cleanup(s.Kill)
	s.Restart()
	return s
}

// URL returns the server's address as clients take it.
func (s *Server) URL() string { return "redis://" + s.Addr }

// Port returns the server's port.
func (s *Server) Port() int {
	_, port, _ := net.SplitHostPort(s.Addr)
	n, _ := strconv.Atoi(port)
	return n
}

// Kill ends the server with SIGKILL and waits for its end. Its data is lost.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}

// Restart starts a server that is not running, empty, and returns when it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		s.t.Fatal("redistest: Restart of a running server")
	}
	p, err := spawn(redisServer(s.t), s.args)
	if err != nil {
		s.t.Fatalf("start redis-server: %v", err)
	}
	s.process = p
	for deadline := time.Now().Add(startTimeout); !answers(s.Addr); time.Sleep(5 * time.Millisecond) {
		if p.ended() || time.Now().After(deadline) {
			s.t.Fatalf("redis-server at %s does not answer:\n%s", s.Addr, p.output())
		}
	}
}

// Hang stops the process (SIGSTOP): connections stay open and nothing answers, until Resume.
func (s *Server) Hang() { s.signal(syscall.SIGSTOP) }

// Resume lets a hung server go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		s.t.Fatal("redistest: signal to a server that is not running")
	}
	if err := s.process.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal redis-server: %v", err)
	}
}

// Do runs one command with redis-cli and returns its answer without the last line end. It fails the test on an error.
func (s *Server) Do(args ...string) string {
	s.t.Helper()
	return cli(s.t, append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(s.Port())}, args...)...)
}

func cli(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("redis-cli", append([]string{"-e"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func redisServer(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed: ", err)
	}
	if _, err := exec.LookPath("redis-cli"); err != nil {
		t.Skip("redis-cli is not installed: ", err)
	}
	return path
}

// freePort finds a port that nobody listens on, and leaves room above it for a cluster bus (port + 10000).
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("find a free port: %v", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port > 20000 && port < 55000 {
			return port
		}
	}
	t.Fatal("no free port between 20000 and 55000")
	return 0
}

func answers(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprint(c, "PING\r\n")
	b := make([]byte, 64)
	n, err := c.Read(b)
	// A server with a password answers -NOAUTH, which will do; -LOADING will not.
	return err == nil && (bytes.HasPrefix(b[:n], []byte("+PONG")) || bytes.HasPrefix(b[:n], []byte("-NOAUTH")))
}

// process is a child that dies with us.
type process struct {
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
}

// spawn starts a child that the kernel kills when we end. The kernel does so when the thread that started the child
// ends, so that thread is kept for as long as the child lives.
func spawn(path string, args []string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), out: &output{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // it ends by a signal
		}
	}()
	return p, <-started
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // SIGKILL ends a stopped process as well
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) output() string { return p.out.String() }

// output keeps what a child says.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
