//go:build linux

// Package process starts the servers of the load tests, and reads what they use: Linux alone, from /proc.
package process

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Times to wait, and the clock of /proc.
const (
	StartTimeout = 30 * time.Second // for a server to answer
	stopTimeout  = 10 * time.Second // for a server to end by itself
	userHz       = 100              // ticks per second in /proc/PID/stat, on every Linux that Go runs on
)

// Process is a server that we started.
type Process struct {
	name  string
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when it has ended
}

// Start runs a command, its output in a file of dir.
func Start(dir, name string, args ...string) (*Process, error) {
	p := &Process{name: name, log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in its log
		close(p.ended)
	}()
	return p, nil
}

// Ready waits until the probe succeeds.
func (p *Process) Ready(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return p.failed("ended while it started")
		case <-ctx.Done():
			return p.failed(fmt.Sprintf("does not get ready (%v)", err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Alive returns an error when the process has ended.
func (p *Process) Alive() error {
	select {
	case <-p.ended:
		return p.failed("ended under load")
	default:
		return nil
	}
}

// failed returns an error with the last lines that the process printed.
func (p *Process) failed(what string) error {
	tail, _ := os.ReadFile(p.log)
	tail = tail[max(0, len(tail)-2000):]
	return fmt.Errorf("%s %s; it said last:\n%s", p.name, what, tail)
}

// Stop ends the process, at last by force, and waits for its end.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// CPU returns the CPU time that the process has used so far, in user and kernel mode.
func (p *Process) CPU() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of %s: %w", p.name, err)
	}
	// The command's name, in parentheses, may hold anything; after it come state, ppid, ... utime and stime as the
	// 12th and 13th (proc(5): fields 14 and 15).
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("read the CPU time of %s: /proc stat has %d fields", p.name, len(fields))
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the CPU time of %s: %w", p.name, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / userHz, nil
}

// FreeAddr returns an address on loopback that was free a moment ago.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// RSS returns the bytes of memory that are resident, as the kernel counts them now.
func (p *Process) RSS() (int64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of %s: %w", p.name, err)
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		return 0, fmt.Errorf("read the memory of %s: %w", p.name, err)
	}
	return resident * int64(os.Getpagesize()), nil
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Output returns what the process has printed so far.
func (p *Process) Output() ([]byte, error) { return os.ReadFile(p.log) }
