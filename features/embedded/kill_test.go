package embedded

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	childDir  = "NEXTBEST_EMBEDDED_CHILD_DIR"
	childLies = "NEXTBEST_EMBEDDED_CHILD_LIES" // the planted bug: acknowledge before the write
	writers   = 8
)

// child is the process that is killed: writers put rising numbers to users of their own, and say each one that was
// acknowledged. Compaction runs all the time.
func child(dir string) int {
	s, _, err := Open(dir, Options{CompactBytes: 1 << 10})
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	lies := os.Getenv(childLies) != ""
	var mu sync.Mutex
	say := func(w, n int) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(w, n)
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			raw, err := s.Fetch(context.Background(), user(w), []string{"n"})
			if err != nil {
				panic(err)
			}
			n, _ := strconv.Atoi(raw[0].Text)
			for {
				n++
				if lies {
					say(w, n)
				}
				if err := s.Put(context.Background(), user(w), map[string]string{"n": strconv.Itoa(n), "pad": strings.Repeat(strconv.Itoa(n), 20)}); err != nil {
					panic(err)
				}
				if !lies {
					say(w, n)
				}
			}
		})
	}
	wg.Wait()
	return 0
}

func user(w int) string { return fmt.Sprint("writer", w) }

// killOnce runs a child on a directory until it has acknowledged a number of writes, kills it, and returns what it
// acknowledged last, by writer.
func killOnce(t *testing.T, dir string, acks int, env ...string) map[int]int {
	t.Helper()
	runtime.LockOSThread() // a child's Pdeathsig is about the thread that started it
	defer runtime.UnlockOSThread()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childDir+"="+dir), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer timer.Stop()
	acked := map[int]int{}
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ { // to the end: what was said before the kill counts as well
		if i == acks {
			cmd.Process.Kill()
		}
		var w, n int
		if _, err := fmt.Sscan(lines.Text(), &w, &n); err != nil {
			t.Errorf("the child says %q", lines.Text())
			continue
		}
		acked[w] = n
	}
	_ = cmd.Wait() // it was killed
	if len(acked) == 0 {
		t.Fatal("the child acknowledged nothing")
	}
	return acked
}

// lost reopens the directory and returns how many acknowledged writes are not there.
func lost(t *testing.T, dir string, acked map[int]int) int {
	t.Helper()
	s, r := open(t, dir, Options{CompactBytes: -1})
	defer closeStore(t, s)
	if r.Damaged != 0 || r.Skipped != 0 || len(r.Journal.Damage) != 0 {
		t.Errorf("a kill left damage: %+v", r)
	}
	missing := 0
	for w, n := range acked {
		raw, err := s.Fetch(t.Context(), user(w), []string{"n", "pad"})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := strconv.Atoi(raw[0].Text)
		missing += max(0, n-got)
		if raw[1].Text != strings.Repeat(raw[0].Text, 20) {
			t.Errorf("half a put: n=%q pad=%q", raw[0].Text, raw[1].Text)
		}
	}
	return missing
}

func TestKillLosesNothing(t *testing.T) {
	dir := t.TempDir()
	for i := range 12 {
		if n := lost(t, dir, killOnce(t, dir, 40+i*53)); n != 0 {
			t.Fatalf("kill %d: %d acknowledged writes were lost", i, n)
		}
	}
}

// TestKillFindsAPlantedBug shows that the test above can fail: a store that acknowledges first is caught.
func TestKillFindsAPlantedBug(t *testing.T) {
	dir := t.TempDir()
	for i := range 20 {
		if lost(t, dir, killOnce(t, dir, 40+i*53, childLies+"=1")) > 0 {
			return
		}
	}
	t.Error("20 kills did not lose a write that was acknowledged before it was made")
}
