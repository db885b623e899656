package learn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
)

// A checkpoint can be of records that a loss of power then took: they were written, but not synced. The log goes on
// behind a gap of positions, so that its end alone does not tell. Such a checkpoint must not be used; one whose last
// record retention took must be.
func TestCheckpointOfLostRecords(t *testing.T) {
	dir, lost := t.TempDir(), t.TempDir()
	log := openLog(t, dir)
	appendAll(t, log, 0, 5)
	// What is on the disk now is what the loss of power leaves.
	if err := os.CopyFS(filepath.Join(lost, "log"), os.DirFS(filepath.Join(dir, "log"))); err != nil {
		t.Fatal(err)
	}
	appendAll(t, log, 5, 10)
	f := foldAll(t, NewEventLog(log))
	if err := f.belongs(NewEventLog(log)); err != nil {
		t.Fatalf("a checkpoint of this very log: %v", err)
	}
	after := openLog(t, lost)
	appendAll(t, after, 10, 12)
	if after.End() < f.next {
		t.Fatalf("the log ends at %d, before %d: the case is not that of this test", after.End(), f.next)
	}
	if err := f.belongs(NewEventLog(after)); !errors.Is(err, errAhead) {
		t.Errorf("a checkpoint of records that were lost: %v, want errAhead", err)
	}
}

func foldAll(t *testing.T, log EventLog) *fold {
	t.Helper()
	f := newFold(compileFile, readHistory(t.Context(), log))
	c := log.Tail(1)
	defer c.Close()
	for {
		pos, payload, err := c.TryNext()
		if errors.Is(err, io.EOF) {
			return f
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.apply(pos, payload); err != nil {
			t.Fatal(err)
		}
	}
}

func appendAll(t *testing.T, log *eventlog.Events, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		must(log.Append(t.Context(), rewarded(second, "shop", fmt.Sprint("e-", i), "r", 1), decision.Fsync))
	}
}
