//go:build linux

// Command batch measures `nextbest batch` beside calls one by one.
//
// It starts a real redis-server, fills it with users of thirty features, runs the service on it, has `nextbest batch` decide for
// every one of the users, and then asks for some of them by single calls, several at a time. It prints recipients per second and per
// CPU-second of all that take part, the memory of each while it goes on, and the ratio to single calls. Everything runs on
// loopback and shares the machine. It needs Linux: CPU time and memory come from /proc.
//
//	make loadtest-batch BATCH_FLAGS="--users 100000 --loop offers"
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	Users   int           `json:"users"`
	Loop    string        `json:"loop"`
	Singles time.Duration `json:"singles_ns"`
	Callers int           `json:"callers"`
	limit   time.Duration
	service string
	keep    string
	json    bool
}

func main() {
	// The kernel ends our children when the thread that started them ends: that must be this one, for as long as we run.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "loadtest/batch:", err)
		os.Exit(1)
	}
}

func parseFlags() (settings, error) {
	var s settings
	flag.IntVar(&s.Users, "users", 1_000_000, "recipients; each takes about 2 kB of Redis")
	flag.StringVar(&s.Loop, "loop", "sendtimes", "sendtimes or offers")
	flag.DurationVar(&s.Singles, "singles", 10*time.Second, "how long single calls are made, for the ratio")
	flag.IntVar(&s.Callers, "callers", 32, "single calls at a time")
	flag.DurationVar(&s.limit, "limit", 10*time.Minute, "when to give up")
	flag.StringVar(&s.service, "service", "bin/nextbest", "the service's binary")
	flag.StringVar(&s.keep, "keep", "", "keep the plan and what the processes printed in this directory")
	flag.BoolVar(&s.json, "json", false, "print one JSON document")
	flag.Parse()
	switch {
	case s.Users < 1 || s.Callers < 1:
		return s, errors.New("--users and --callers must be at least 1")
	case s.Loop != "sendtimes" && s.Loop != "offers":
		return s, errors.New("--loop must be sendtimes or offers")
	case s.Singles < time.Second || s.limit < s.Singles:
		return s, errors.New("--singles must be at least 1s, --limit more")
	}
	return s, nil
}

func run(ctx context.Context) error {
	s, err := parseFlags()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	dir := s.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "nextbest-batch-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b, err := newBench(ctx, s, dir)
	if err != nil {
		return err
	}
	defer b.close()
	r := report{settings: s}
	if r.Batch, err = b.batch(ctx); err != nil {
		return fmt.Errorf("measure the batch: %w", err)
	}
	if r.Singles, err = b.singles(ctx); err != nil {
		return fmt.Errorf("measure single calls: %w", err)
	}
	return r.write(os.Stdout)
}

// say prints progress where it does not mix with the result.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
