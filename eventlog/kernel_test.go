//go:build linux

package eventlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nextbest/nextbest/decision"
)

// The kernel itself fails the Nth fdatasync of each of a child's threads: those who waited for it are refused, and what
// was acknowledged is there.
func TestTheKernelFailsAnFdatasync(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	if err := exec.Command(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "true").Run(); err != nil {
		t.Skipf("strace cannot trace here: %v", err)
	}
	whens := []int{2, 3, 9} // The first is that of Open.
	if soak() {
		whens = nil
		for n := 2; n <= 50; n++ {
			whens = append(whens, n)
		}
	}
	for _, when := range whens {
		t.Run(fmt.Sprint(when), func(t *testing.T) {
			dir := t.TempDir()
			c, out, _ := startChild(t, "sync", dir, strace, "-f", "-qq", "-o", "/dev/null",
				"-e", "trace=fdatasync", "-e", fmt.Sprintf("inject=fdatasync:error=EIO:when=%d", when))
			acked := make(map[string]bool)
			refused := 0
			results(out, func(i int, ok bool) {
				if ok {
					acked[fmt.Sprintf("record %d", i)] = true
				} else {
					refused++
				}
			})
			if err := c.Wait(); err != nil {
				t.Fatal(err)
			}
			if when <= 3 && refused == 0 || len(acked)+refused != 40 || refused > 20 {
				t.Fatalf("%d acknowledged, %d refused", len(acked), refused)
			}
			for _, payload := range payloads(readDir(t, dir)) {
				delete(acked, payload)
			}
			if len(acked) > 0 {
				t.Fatalf("acknowledged and lost: %v", acked)
			}
		})
	}
}

// A limit on the size of files makes writes short and then fail. Nothing acknowledged is lost, every byte of the log is
// valid, and the log goes on by itself in new segments.
func TestTheKernelLimitsTheFileSize(t *testing.T) {
	dir := t.TempDir()
	c, out, in := startChild(t, "limit", dir)
	acked := make(map[int]bool)
	refused := 0
	results(out, func(i int, ok bool) {
		if ok {
			acked[i] = true
		} else {
			refused++
		}
		if i == 400 {
			if _, err := in.Write([]byte("lift\n")); err != nil {
				t.Error(err)
			}
		}
	})
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if refused == 0 || len(acked) < 300 {
		t.Fatalf("%d acknowledged, %d refused: the limit was not met, or not overcome", len(acked), refused)
	}
	checkNumbered(t, dir, acked)
}

// checkNumbered checks that a sound log has every acknowledged record, once.
func checkNumbered(t *testing.T, dir string, acked map[int]bool) {
	t.Helper()
	for _, r := range readDir(t, dir) {
		digits := r.payload[:strings.IndexFunc(r.payload, func(c rune) bool { return c < '0' || c > '9' })]
		i, err := strconv.Atoi(digits)
		if err != nil {
			t.Fatal(err)
		}
		delete(acked, i)
	}
	if len(acked) > 0 {
		t.Fatalf("%d acknowledged records are lost", len(acked))
	}
	if report, err := Verify(dir); err != nil || !report.Sound() {
		t.Fatalf("Verify = %+v, %v", report, err)
	}
}

// A full file system refuses records, keeps what it acknowledged, and takes records again once there is space,
// without a restart.
func TestAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small tmpfs takes root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	l, _ := mustOpen(t, dir, Options{RetryEvery: 5 * time.Millisecond})
	payload := strings.Repeat("0123456789abcdef", 60)
	acked := make(map[int]bool)
	failed := 0
	for i := 0; failed < 50; i++ {
		_, err := l.Append(context.Background(), fmt.Appendf(nil, "%d:%d %s", i, i*i, payload[i%900:]), decision.Durability(i%2))
		switch {
		case err == nil:
			acked[i] = true
		case errors.Is(err, ErrFailed) && errors.Is(err, syscall.ENOSPC):
			failed++
			time.Sleep(time.Millisecond)
		default:
			t.Fatal(err)
		}
	}
	if len(acked) < 100 {
		t.Fatalf("only %d records fit", len(acked))
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=4m"); err != nil {
		t.Fatal(err)
	}
	eventually(t, l, "1000000: there is space", decision.Fsync)
	acked[1000000] = true
	mustClose(t, l)
	checkNumbered(t, dir, acked)
}
