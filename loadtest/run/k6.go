//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// k6Overhead is how long k6 may take beyond the load itself: it parses the protos for every virtual user.
const k6Overhead = 45 * time.Second

// thresholdsCrossed is k6's exit code for a run that went to its end and was not good enough.
const thresholdsCrossed = 99

// figures are what scenario.js sums a run up to.
type figures struct {
	Seconds    float64  `json:"seconds"`
	Iterations int      `json:"iterations"`
	Dropped    int      `json:"dropped"`
	Calls      int      `json:"calls"`
	Failed     int      `json:"failed_calls"`
	Rank       latency  `json:"rank_ms"`
	Reward     latency  `json:"reward_ms"`
	Crossed    []string `json:"failed_thresholds"`
}

// latency is in milliseconds, as the caller saw it.
type latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// load runs k6 against an address for a while.
func (b *bench) load(ctx context.Context, target, addr string, d time.Duration) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, d+k6Overhead)
	defer cancel()
	summary := filepath.Join(b.dir, "summary.json")
	script := "loadtest/" + path.Base(target) + ".js"
	cmd := exec.CommandContext(ctx, b.settings.k6, "run", "--quiet", "--no-color", "--no-usage-report",
		"--address", "127.0.0.1:0", script)
	cmd.Env = append(os.Environ(),
		"ADDR="+addr,
		"RATE="+strconv.Itoa(b.settings.Rate),
		"DURATION="+d.String(),
		"USERS="+strconv.Itoa(b.settings.Users),
		"VUS="+strconv.Itoa(b.settings.VUs),
		"REWARD_SHARE="+strconv.FormatFloat(b.settings.Rewards, 'g', -1, 64),
		"SUMMARY="+summary,
	)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == thresholdsCrossed {
		err = nil // the summary says which
	}
	if err != nil {
		return figures{}, fmt.Errorf("k6: %w\n%s", err, out[max(0, len(out)-2000):])
	}
	text, err := os.ReadFile(summary)
	if err != nil {
		return figures{}, fmt.Errorf("read k6's summary: %w", err)
	}
	var f figures
	if err := json.Unmarshal(text, &f); err != nil {
		return figures{}, fmt.Errorf("read k6's summary: %w", err)
	}
	if f.Failed > 0 {
		say("%d of %d calls failed; k6 says:\n%s", f.Failed, f.Calls, out[:min(2000, len(out))])
	}
	return f, nil
}
