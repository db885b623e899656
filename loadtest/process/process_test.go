//go:build linux

package process

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A process that spins uses CPU time, one that sleeps does not: how much is the machine's affair.
func TestCPUCountsWork(t *testing.T) {
	spin, sleep := shell(t, "while :; do :; done"), shell(t, "sleep 60")
	deadline := time.Now().Add(20 * time.Second)
	for {
		spun, err := spin.CPU()
		if err != nil {
			t.Fatal(err)
		}
		slept, err := sleep.CPU()
		if err != nil {
			t.Fatal(err)
		}
		if spun >= 200*time.Millisecond {
			if slept > spun/2 {
				t.Errorf("a sleeping process used %s, a spinning one %s", slept, spun)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a spinning process used only %s", spun)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestAProcessThatEndsIsReportedWithItsLastWords(t *testing.T) {
	p := shell(t, "echo no such flag; exit 2")
	err := p.Ready(t.Context(), func(context.Context) error { return exec.ErrNotFound })
	if err == nil || !strings.Contains(err.Error(), "no such flag") {
		t.Errorf("error %v", err)
	}
	if p.Alive() == nil {
		t.Error("it is said to be alive")
	}
}

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(t.TempDir(), "shell", "/bin/sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(os.Kill) // it may have ended
		<-p.ended
	})
	return p
}

func TestRSSIsAPlausibleNumber(t *testing.T) {
	if n, err := shell(t, "sleep 60").RSS(); err != nil || n < 4<<10 || n > 1<<30 {
		t.Errorf("%d bytes, %v", n, err)
	}
}
