package eventlog

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nextbest/nextbest/decision"
)

// children are the programs that tests run in a process of their own, by name.
var children = map[string]func(dir string) error{
	"append":      func(dir string) error { return appendForEver(dir, Options{}, 8) },
	"append lie":  func(dir string) error { return appendForEver(dir, Options{Files: lyingFiles{}}, 8) },
	"append deaf": func(dir string) error { return appendForEver(dir, Options{Files: deafFiles{}}, 8) },
	"sync":        appendSynced,
	"limit":       appendUnderALimit,
}

// startChild runs a child on dir, under the command line in wrap if there is one.
func startChild(t testing.TB, name, dir string, wrap ...string) (*exec.Cmd, *bufio.Scanner, io.WriteCloser) {
	t.Helper()
	args := append(wrap, os.Args[0])
	c := exec.Command(args[0], args[1:]...)
	c.Env = append(os.Environ(), "EVENTLOG_CHILD="+name, "EVENTLOG_DIR="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewScanner(out), in
}

// appendForEver appends records from several goroutines, half of them for the disk, and prints the payload and the
// position of each once it is acknowledged. A run names its records after its own process and time.
func appendForEver(dir string, o Options, writers int) error {
	o.SegmentBytes = 200_000
	l, _, err := Open(dir, o)
	if err != nil {
		return err
	}
	run := fmt.Sprintf("%d.%d", os.Getpid(), time.Now().UnixNano())
	var mu sync.Mutex
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := 0; ; i++ {
				payload := fmt.Sprintf("%s/%d/%d", run, w, i)
				pos, err := l.Append(context.Background(), []byte(payload), decision.Durability(w%2))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Printf("%s %d %d\n", payload, pos, w%2)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return nil
}

// lyingFiles is the planted bug: a write is acknowledged before it is made, within a few milliseconds.
type lyingFiles struct{}

func (lyingFiles) Create(name string) (File, error) {
	f, err := osFiles{}.Create(name)
	if err != nil {
		return nil, err
	}
	l := &lyingFile{File: f, later: make(chan []byte, 1000)}
	go func() {
		for b := range l.later {
			time.Sleep(2 * time.Millisecond)
			_, _ = f.Write(b)
		}
	}()
	return l, nil
}

func (lyingFiles) SyncDir(dir string) error { return osFiles{}.SyncDir(dir) }

type lyingFile struct {
	File
	later chan []byte
}

func (f *lyingFile) Write(b []byte) (int, error) {
	if len(b) > segmentHeaderBytes && len(b) < probeBytes { // The log begins as it should.
		f.later <- append([]byte(nil), b...)
		return len(b), nil
	}
	return f.File.Write(b)
}

// deafFiles is the planted bug for power loss: what is synced is not.
type deafFiles struct{}

func (deafFiles) Create(name string) (File, error) {
	f, err := osFiles{}.Create(name)
	return deafFile{f}, err
}

func (deafFiles) SyncDir(string) error { return nil }

type deafFile struct{ File }

func (deafFile) Sync() error { return nil }

// appendSynced appends 40 records for the disk one after the other and prints what became of each.
func appendSynced(dir string) error {
	l, _, err := Open(dir, Options{RetryEvery: time.Millisecond})
	if err != nil {
		return err
	}
	for i := range 40 {
		_, err := l.Append(context.Background(), fmt.Appendf(nil, "record %d", i), decision.Fsync)
		fmt.Printf("%d %t\n", i, err == nil)
		if err != nil {
			time.Sleep(10 * time.Millisecond) // Until the log has recovered.
		}
	}
	_ = l.Close() // Its own fdatasync may be the one that fails.
	return nil
}

// appendUnderALimit appends under a limit on the size of a file, prints what became of each record, and goes on when
// the limit is lifted, which a line on its input asks for.
func appendUnderALimit(dir string) error {
	signal.Ignore(syscall.SIGXFSZ) // The write then fails with EFBIG.
	l, _, err := Open(dir, Options{RetryEvery: 5 * time.Millisecond})
	if err != nil {
		return err
	}
	if err := limitFileSize(100_000); err != nil {
		return err
	}
	payload := make([]byte, 1000)
	for i := range payload {
		payload[i] = byte(i*i*7 + i) // Not to be compressed away.
	}
	lifted := make(chan struct{})
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		_ = limitFileSize(unix.RLIM_INFINITY)
		close(lifted)
	}()
	for i, after := 0, 0; after < 20; i++ {
		record := append(strconv.AppendInt(nil, int64(i), 10), payload...)
		_, err := l.Append(context.Background(), record, decision.Durability(i%2))
		fmt.Printf("%d %t\n", i, err == nil)
		select {
		case <-lifted:
			if err == nil {
				after++
			}
		default:
		}
		if err != nil {
			time.Sleep(2 * time.Millisecond)
		}
	}
	return l.Close()
}

func limitFileSize(n uint64) error {
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: unix.RLIM_INFINITY})
}
