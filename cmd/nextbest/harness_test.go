package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// binaries builds the real program once per set of build tags; tests that kill and restart it use it.
var binaries struct {
	sync.Mutex
	dir   string
	built map[string]string
}

func TestMain(m *testing.M) {
	status := m.Run()
	if binaries.dir != "" {
		_ = os.RemoveAll(binaries.dir)
	}
	os.Exit(status)
}

func binary(t testing.TB, tags string) string {
	t.Helper()
	binaries.Lock()
	defer binaries.Unlock()
	if path, ok := binaries.built[tags]; ok {
		return path
	}
	if binaries.dir == "" {
		dir, err := os.MkdirTemp("", "nextbest-test")
		if err != nil {
			t.Fatal(err)
		}
		binaries.dir, binaries.built = dir, map[string]string{}
	}
	path := filepath.Join(binaries.dir, "nextbest-"+tags)
	if out, err := exec.Command("go", "build", "-tags", tags, "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	binaries.built[tags] = path
	return path
}

// service is one running `nextbest serve`.
type service struct {
	t          testing.TB
	http, grpc string // addresses
	data       string
	process    *exec.Cmd
	log        *bytes.Buffer
	conn       *grpc.ClientConn
	nextbestv1.DecisionServiceClient
	loops    nextbestv1.LoopServiceClient
	features nextbestv1.FeatureServiceClient
}

// freeAddress returns a loopback address whose port was free a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().(*net.TCPAddr)
		_ = l.Close()
		if address.Port > 20000 {
			return address.String()
		}
	}
	t.Fatal("no free port above 20000")
	return ""
}

// start serves the shipped loops from data on free ports, and waits until it is ready.
func start(t testing.TB, program, data string, flags ...string) *service {
	t.Helper()
	return startWith(t, program, data, filepath.Join("..", "..", "loops"), flags...)
}

func startWith(t testing.TB, program, data, loops string, flags ...string) *service {
	t.Helper()
	s := &service{t: t, http: freeAddress(t), grpc: freeAddress(t), data: data, log: &bytes.Buffer{}}
	args := append([]string{"serve", "--loops", loops, "--data", data, "--http", s.http, "--grpc", s.grpc}, flags...)
	s.process = exec.Command(program, args...)
	s.process.Stdout, s.process.Stderr = s.log, s.log
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	s.awaitReady()
	conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s.conn = conn
	s.DecisionServiceClient = nextbestv1.NewDecisionServiceClient(conn)
	s.loops = nextbestv1.NewLoopServiceClient(conn)
	s.features = nextbestv1.NewFeatureServiceClient(conn)
	return s
}

func (s *service) awaitReady() {
	s.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		if response, err := http.Get("http://" + s.http + "/readyz"); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if s.process.ProcessState != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.kill()
	s.t.Fatalf("not ready:\n%s", s.log)
}

// kill is kill -9.
func (s *service) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// command runs the program to its end.
func command(t testing.TB, program string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func value(x float64) *float64 { return &x }

func eventName(round, worker, i int) string { return fmt.Sprintf("e-%d-%d-%d", round, worker, i) }
