//go:build linux

// Command run measures the service under load beside the least that such a service can cost.
//
// It starts a real redis-server and fills it with users, then runs service and baseline in turn, each fresh and warmed
// up, under the same k6 load on loopback, and prints throughput, latencies and the server's CPU time per call, with
// the ratio of service to baseline. CPU times differ between machines and loads: the ratio is what can be compared.
// It needs Linux: CPU time comes from /proc, and no process that it starts outlives it.
//
//	make loadtest LOADTEST_FLAGS="--rate 1000 --duration 30s --rounds 3"
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/nextbest/nextbest/loadtest/process"
)

// settings are the flags.
type settings struct {
	Rate     int           `json:"rate"`
	Duration time.Duration `json:"duration_ns"`
	WarmUp   time.Duration `json:"warm_up_ns"`
	Rounds   int           `json:"rounds"`
	Users    int           `json:"users"`
	VUs      int           `json:"vus"`
	Rewards  float64       `json:"reward_share"`
	Targets  []string      `json:"targets"`

	service string
	k6      string
	json    bool
}

func main() {
	// The kernel ends our children when the thread that started them ends: that must be this one, for as long as we run.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "loadtest:", err)
		os.Exit(1)
	}
}

func parseFlags() (settings, error) {
	var s settings
	flag.IntVar(&s.Rate, "rate", 300, "iterations started per second; each is a rank, then its reward")
	flag.DurationVar(&s.Duration, "duration", 20*time.Second, "how long each target is measured")
	flag.DurationVar(&s.WarmUp, "warm-up", 5*time.Second, "how long each target is warmed up before")
	flag.IntVar(&s.Rounds, "rounds", 1, "how often each target is measured; the median counts")
	flag.IntVar(&s.Users, "users", 10_000, "users in Redis")
	flag.IntVar(&s.VUs, "vus", 100, "virtual users, each a connection of its own")
	flag.Float64Var(&s.Rewards, "rewards", 1, "share of ranks that are rewarded")
	targets := flag.String("targets", strings.Join(allTargets, ","), "what to measure, in this order")
	flag.StringVar(&s.service, "service", "bin/nextbest", "the service's binary")
	flag.StringVar(&s.k6, "k6", ".tools/bin/k6", "the k6 binary")
	flag.BoolVar(&s.json, "json", false, "print one JSON document")
	flag.Parse()
	s.Targets = strings.Split(*targets, ",")
	return s, s.validate()
}

func (s settings) validate() error {
	for _, t := range s.Targets {
		if !isTarget(t) {
			return fmt.Errorf("--targets: %q is none of %s", t, strings.Join(allTargets, ", "))
		}
	}
	switch {
	case s.Rate < 1 || s.Rounds < 1 || s.Users < 1 || s.VUs < 1:
		return errors.New("--rate, --rounds, --users and --vus must be at least 1")
	case s.Duration < time.Second || s.Duration > 10*time.Minute || s.WarmUp < time.Second || s.WarmUp > time.Minute:
		return errors.New("--duration must be from 1s to 10m, --warm-up from 1s to 1m")
	case s.Rewards < 0 || s.Rewards > 1:
		return errors.New("--rewards must be from 0 to 1")
	}
	return nil
}

// limit is when to give up, whatever hangs: every step has its share and some more.
func (s settings) limit() time.Duration {
	each := s.WarmUp + s.Duration + 2*k6Overhead + process.StartTimeout
	return 3*time.Minute + time.Duration(s.Rounds*len(s.Targets))*each
}

func run(ctx context.Context) error {
	s, err := parseFlags()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.limit())
	defer cancel()
	dir, err := os.MkdirTemp("", "nextbest-loadtest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	results, err := measureAll(ctx, s, dir)
	if err != nil {
		return err
	}
	report := summarise(s, results)
	if s.json {
		err = report.writeJSON(os.Stdout)
	} else {
		err = report.writeTable(os.Stdout)
	}
	if err != nil {
		return err
	}
	return report.verdict()
}

// measureAll runs the rounds: every target once, then every target again, so that a machine that gets slower or
// faster meanwhile does so for all.
func measureAll(ctx context.Context, s settings, dir string) ([]result, error) {
	b, err := newBench(ctx, s, dir)
	if err != nil {
		return nil, err
	}
	defer b.close()
	var results []result
	for round := range s.Rounds {
		for _, t := range s.Targets {
			say("round %d of %d: %s, %d/s for %s after %s of warm-up", round+1, s.Rounds, t, s.Rate, s.Duration, s.WarmUp)
			r, err := b.measure(ctx, t)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", t, err)
			}
			results = append(results, r)
		}
	}
	return results, nil
}

// say prints progress where it does not mix with the result.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
