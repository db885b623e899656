package eventlog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/decision"
)

// segmented writes n records in several segments and returns the directory and the segments' names.
func segmented(t *testing.T, n int) (dir string, names []string) {
	t.Helper()
	dir = t.TempDir()
	l, _ := mustOpen(t, dir, Options{SegmentBytes: 2048})
	for i := range n {
		mustAppend(t, l, fmt.Sprintf("%0100d", i), decision.Process)
	}
	mustClose(t, l)
	found, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil || len(found) < 4 {
		t.Fatalf("%d segments, want at least 4 (%v)", len(found), err)
	}
	return dir, found
}

// A segment that somebody took away is told, with what it held, and the rest is read.
func TestMissingSegmentIsTold(t *testing.T) {
	dir, names := segmented(t, 100)
	l, whole := mustOpen(t, dir, Options{})
	all := readAll(t, l, 0)
	mustClose(t, l)
	if len(whole.Damage) > 0 {
		t.Fatalf("damage in a sound log: %v", whole.Damage)
	}
	if err := os.Remove(names[1]); err != nil {
		t.Fatal(err)
	}
	first, _ := parseSegmentName(filepath.Base(names[1]))
	end, _ := parseSegmentName(filepath.Base(names[2]))
	l, r := mustOpen(t, dir, Options{})
	if want := fmt.Sprintf("positions %d to %d", first, end-1); len(r.Damage) != 1 || !strings.Contains(r.Damage[0].Problem, want) {
		t.Errorf("told %v, want %s", r.Damage, want)
	}
	if got, want := len(readAll(t, l, 0)), len(all)-int(end-first); got != want {
		t.Errorf("%d records are left, want %d", got, want)
	}
	if l.Stats().Damaged != 1 {
		t.Errorf("%d damaged places are counted, want 1", l.Stats().Damaged)
	}
}

// A file that merely has a segment's name hides nothing and is left alone.
func TestForeignFile(t *testing.T) {
	dir, names := segmented(t, 100)
	l, _ := mustOpen(t, dir, Options{})
	all := readAll(t, l, 0)
	mustClose(t, l)
	first, _ := parseSegmentName(filepath.Base(names[1]))
	foreign := filepath.Join(dir, segmentName(first+3)) // in the middle of what the second segment holds
	if err := os.WriteFile(foreign, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // Opening once must not make it worse for the next time.
		l, r := mustOpen(t, dir, Options{})
		if len(r.Damage) != 1 || r.Damage[0].Segment != filepath.Base(foreign) {
			t.Errorf("told %v", r.Damage)
		}
		if got := readAll(t, l, 0); len(got) != len(all) {
			t.Errorf("%d of %d records are read", len(got), len(all))
		}
		for _, want := range all {
			if b, err := l.Read(want.pos); err != nil || string(b) != want.payload {
				t.Fatalf("position %d: %q, %v", want.pos, b, err)
			}
		}
		mustClose(t, l)
	}
	if b, err := os.ReadFile(foreign); err != nil || string(b) != "hello\n" {
		t.Errorf("the foreign file is now %q, %v", b, err)
	}
}

// What a crash leaves of a segment that was being made does not pile up.
func TestBeginningsOfSegmentsAreRemoved(t *testing.T) {
	for _, content := range []string{"", "\x00\x00\x00\x00", segmentMagic[:3], segmentMagic + "\x00\x00"} {
		dir, names := segmented(t, 100)
		last, _ := parseSegmentName(filepath.Base(names[len(names)-1]))
		begun := filepath.Join(dir, segmentName(last+1_000_000))
		if err := os.WriteFile(begun, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		l, _ := mustOpen(t, dir, Options{})
		mustClose(t, l)
		if _, err := os.Stat(begun); !os.IsNotExist(err) {
			t.Errorf("%q is still there: %v", content, err)
		}
	}
}
