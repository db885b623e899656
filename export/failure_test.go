package export

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// fullDisk fails when a number of bytes were written, as a full disk does: in a write, in a sync or in a close.
type fullDisk struct {
	left int
	at   string
}

type fullFile struct {
	file
	disk *fullDisk
}

func (d *fullDisk) create(path string) (file, error) {
	f, err := createFile(path)
	return fullFile{f, d}, err
}

func (f fullFile) Write(b []byte) (int, error) {
	f.disk.left -= len(b)
	if f.disk.at == "write" && f.disk.left < 0 {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, syscall.ENOSPC
	}
	return f.file.Write(b)
}

func (f fullFile) Sync() error {
	if f.disk.at == "sync" && f.disk.left < 0 {
		return syscall.ENOSPC
	}
	return f.file.Sync()
}

func (f fullFile) Close() error {
	err := f.file.Close()
	if f.disk.at == "close" && f.disk.left < 0 {
		return syscall.ENOSPC
	}
	return err
}

// A full disk is told as such, and the tables are those of before, to the byte.
func TestFullDisk(t *testing.T) {
	w := playedWorld(t, 120)
	for _, format := range []Format{Parquet, NDJSON, CSV} {
		out := t.TempDir()
		o := w.options(out)
		o.Until = began().Truncate(24 * time.Hour).Add(24 * time.Hour)
		export(t, o)
		before := contents(t, out)
		o = w.options(out)
		o.Format = format
		o.limits = defaultLimits()
		o.limits.groupRows = 10
		for _, at := range []string{"write", "sync", "close"} {
			for _, left := range []int{0, 1, 5000, 20_000} {
				o.create = (&fullDisk{left, at}).create
				_, err := Run(t.Context(), o)
				if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space left") {
					t.Fatalf("%s, %s after %d bytes: %v", format, at, left, err)
				}
				if diff := cmp.Diff(before, contents(t, out)); diff != "" {
					t.Fatalf("%s, %s after %d bytes: %s", format, at, left, diff)
				}
			}
		}
		o.create = (&fullDisk{1 << 30, "write"}).create // With room it works, and what failed is not in its way.
		export(t, o)
	}
}

// A byte of the log that is wrong is named by file and offset, and nothing is exported, unless that is asked for: then
// all is there that is readable.
func TestDamagedLog(t *testing.T) {
	w := playedWorld(t, 600)
	whole := t.TempDir()
	export(t, w.options(whole))
	segments, err := filepath.Glob(filepath.Join(w.dir, "*.log"))
	if err != nil || len(segments) < 3 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	flip(t, segments[1])
	o := w.options(filepath.Join(t.TempDir(), "out"))
	_, err = Run(t.Context(), o)
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(segments[1])+" at offset ") {
		t.Fatalf("error %v", err)
	}
	if _, err := os.Stat(o.Out); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the output directory is there: %v", err)
	}
	o.SkipDamaged = true
	s := export(t, o)
	if len(s.Damage) == 0 || !strings.Contains(s.Damage[0].Place, filepath.Base(segments[1])) {
		t.Errorf("damage %+v", s.Damage)
	}
	all := tables(t, whole)
	lost := 0
	for partition, rows := range tables(t, o.Out) {
		lost += len(all[partition]) - len(rows)
		for _, r := range rows {
			if !slices.ContainsFunc(all[partition], func(a Row) bool { return a.LogPosition == r.LogPosition && a.Action == r.Action }) {
				t.Fatalf("%s at %d is not in the whole table", r.EventID, r.LogPosition)
			}
		}
	}
	if lost == 0 || lost > 300 {
		t.Errorf("%d rows are lost", lost)
	}
	if err := os.Remove(segments[1]); err != nil {
		t.Fatal(err)
	}
	o.SkipDamaged = false
	if _, err := Run(t.Context(), o); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), ": lost") {
		t.Errorf("a segment is missing: %v", err)
	}
}

func flip(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 0x40
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Records whose bytes are right and whose contents are not are named by their position.
func TestBadRecords(t *testing.T) {
	bad := map[string]func(*world){
		"cannot parse": func(w *world) { w.raw([]byte("nonsense")) },
		"known body":   func(w *world) { w.raw(nil) },
		"bad_decision": func(w *world) {
			w.decide("slow", "bad", nil)
			r := w.all[len(w.all)-1].Record
			r.GetDecision().Slots[0].Probability[0] = 2
			w.append(r)
		},
	}
	for want, plant := range bad {
		w := newWorld(t, 3, eventlog.Options{})
		w.put(loopText("slow", "{type: uniform}", "online", "reward_wait_time: 1m, default_reward: 0"))
		w.decide("slow", "first", nil)
		plant(w)
		place := fmt.Sprintf("position %d: ", w.log.End()-1)
		w.now = w.now.Add(time.Hour)
		w.decide("slow", "last", nil)
		w.close()
		o := w.options(t.TempDir())
		_, err := Run(t.Context(), o)
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), place) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q and %q", err, place, want)
		}
		if names := files(t, o.Out); len(names) > 0 {
			t.Errorf("files %v", names)
		}
		o.SkipDamaged = true
		if s := export(t, o); len(s.Damage) != 1 || s.Decisions < 2 {
			t.Errorf("summary %+v", s)
		}
	}
}

func (w *world) raw(b []byte) {
	w.t.Helper()
	if _, err := w.log.Append(context.Background(), b, decision.Process); err != nil {
		w.t.Fatal(err)
	}
}

// A second decision of an event does not count, as in learning, and is told.
func TestRepeatedDecision(t *testing.T) {
	w := newWorld(t, 3, eventlog.Options{})
	w.put(loopText("slow", "{type: uniform}", "online", "reward_wait_time: 1h, default_reward: 0"))
	w.decide("slow", "e", nil)
	w.decide("slow", "e", nil)
	w.close()
	s := export(t, w.options(t.TempDir()))
	if diff := cmp.Diff([]Repeated{{Position: 3, Loop: "slow", EventID: "e"}}, s.Repeated); diff != "" || s.Decisions != 1 {
		t.Errorf("%s, summary %+v", diff, s)
	}
}

// When retention has taken the beginning of the log, the day of which only the end is left does not replace a table
// that has all of it; and without its file a loop is exported by one that is given.
func TestAfterRetention(t *testing.T) {
	w := playedWorld(t, 600)
	out := t.TempDir()
	export(t, w.options(out))
	before := tables(t, out)
	log, _, err := eventlog.Open(w.dir, eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := eventlog.NewEvents(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	if err := events.DropBefore(w.all[len(w.all)/2].Position); err != nil {
		t.Fatal(err)
	}
	if first := log.Stats().First; first == 1 || log.Close() != nil {
		t.Fatalf("the log begins at %d", first)
	}

	o := w.options(out)
	if _, err := Run(t.Context(), o); !errors.Is(err, ErrNoLoopFile) || !strings.Contains(err.Error(), "quiet") {
		t.Fatalf("error %v", err)
	}
	o.Definitions = []*learn.Definition{w.defs["quiet"], w.defs["slow"], w.defs["fast"]}
	s := export(t, o)
	day := began().Format(time.DateOnly)
	kept := []string{"loop=fast/day=" + day, "loop=quiet/day=" + day, "loop=slow/day=" + day}
	if diff := cmp.Diff(kept, s.Kept); diff != "" {
		t.Fatalf("kept: %s", diff)
	}
	if diff := cmp.Diff(before, tables(t, out)); diff != "" {
		t.Errorf("the tables changed: %s", diff)
	}
	o.Out = t.TempDir()
	if s := export(t, o); len(s.Kept) > 0 || len(tables(t, o.Out)[kept[0]]) == 0 {
		t.Errorf("nothing was there to be kept, summary %+v", s)
	}
}

// What a killed export left is in nobody's way; one that runs is.
func TestAnotherExport(t *testing.T) {
	w := playedWorld(t, 60)
	out := t.TempDir()
	s, err := stage(out)
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(s.dir, "loop=fast", "day=2026-03-01")
	if err := errors.Join(os.MkdirAll(left, 0o755), os.WriteFile(filepath.Join(left, "part-0.parquet.tmp"), []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), w.options(out)); err == nil || !strings.Contains(err.Error(), "another export") {
		t.Fatalf("error %v", err)
	}
	if err := s.lock.Close(); err != nil { // As the end of a process does.
		t.Fatal(err)
	}
	export(t, w.options(out))
	for _, name := range files(t, out) {
		if strings.HasSuffix(name, tempSuffix) {
			t.Errorf("%s is left", name)
		}
	}
}

func TestInterrupted(t *testing.T) {
	w := playedWorld(t, 100)
	ctx, cancel := context.WithCancel(t.Context())
	o := w.options(t.TempDir())
	o.Progress = func(done, total uint64) {
		if done > total/2 {
			cancel()
		}
	}
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if names := files(t, o.Out); len(names) > 0 {
		t.Errorf("files %v", names)
	}
}

func TestUnknownLoop(t *testing.T) {
	w := playedWorld(t, 60)
	o := w.options(t.TempDir())
	o.Loop = "nobody"
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "fast, quiet, slow") {
		t.Errorf("error %v", err)
	}
}

// A log without decisions gives no tables.
func TestEmptyLog(t *testing.T) {
	w := newWorld(t, 1, eventlog.Options{})
	w.append(&logv1.Record{Body: &logv1.Record_Reward{Reward: &logv1.Reward{Loop: "none", EventId: "e"}}})
	w.close()
	o := w.options(t.TempDir())
	if s := export(t, o); s.Rows != 0 || s.Records != 1 || len(files(t, o.Out)) > 0 {
		t.Errorf("summary %+v", s)
	}
}
