package eventlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/decision"
)

func TestRecordsComeBackInOrderOverRestartsAndSegments(t *testing.T) {
	dir := t.TempDir()
	var want []record
	for run := range 4 {
		l, r := mustOpen(t, dir, Options{SegmentBytes: 1500})
		if !r.Clean || r.Records != uint64(len(want)) || len(r.Damage) > 0 || r.CutBytes > 0 {
			t.Fatalf("run %d: recovery %+v, want clean with %d records", run, r, len(want))
		}
		for i := range 100 {
			payload := fmt.Sprintf("run %d record %d %s", run, i, strings.Repeat("x", i*7%400))
			pos := mustAppend(t, l, payload, decision.Durability(i%2))
			want = append(want, record{pos, payload})
			if got, err := l.Read(pos); err != nil || string(got) != payload {
				t.Fatalf("Read(%d) right after Append = %q, %v", pos, got, err)
			}
		}
		if diff := cmp.Diff(want, readAll(t, l, 0), cmp.AllowUnexported(record{})); diff != "" {
			t.Fatalf("run %d: %s", run, diff)
		}
		for _, w := range want {
			if got, err := l.Read(w.pos); err != nil || string(got) != w.payload {
				t.Fatalf("Read(%d) = %q, %v, want %q", w.pos, got, err, w.payload)
			}
		}
		if end := want[len(want)-1].pos + 1; l.End() != end {
			t.Fatalf("End = %d, want %d", l.End(), end)
		}
		mustClose(t, l)
	}
	if want[0].pos != 1 || want[399].pos != 400 {
		t.Fatalf("positions run from %d to %d, want 1 to 400", want[0].pos, want[399].pos)
	}
	report, err := Verify(dir)
	if err != nil || !report.Sound() || report.Records != 400 || len(report.Gaps) > 0 || len(report.Segments) < 10 {
		t.Fatalf("Verify = %+v, %v", report, err)
	}
	for _, g := range report.Segments {
		if !g.Sealed {
			t.Fatalf("%s is not sealed", g.Name)
		}
	}
}

func TestReaderStartsAnywhere(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{SegmentBytes: 900})
	for i := range 200 {
		mustAppend(t, l, fmt.Sprint(i), decision.Process)
	}
	for from := Position(0); from <= 202; from++ {
		got := readAll(t, l, from)
		first := max(1, from)
		if len(got) != int(max(201, first)-first) || len(got) > 0 && got[0].pos != first {
			t.Fatalf("from %d: %d records, first %+v", from, len(got), got[:min(1, len(got))])
		}
	}
}

func TestManyWritersAndTailingReaders(t *testing.T) {
	const writers, each, readers = 16, 300, 3
	l, _ := mustOpen(t, t.TempDir(), Options{SegmentBytes: 20_000, BlockBytes: 2_000, QueueBytes: 5_000})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var mu sync.Mutex
	acked := make(map[Position]string)
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			last := Position(0)
			for i := range each {
				payload := fmt.Sprintf("%d/%d", w, i)
				pos, err := l.Append(ctx, []byte(payload), decision.Durability(w%8/7))
				if err != nil || pos <= last {
					t.Errorf("append %s: position %d after %d, %v", payload, pos, last, err)
					return
				}
				last = pos
				mu.Lock()
				acked[pos] = payload
				mu.Unlock()
			}
		})
	}
	seen := make([][]record, readers)
	for k := range readers {
		wait.Go(func() {
			r := l.NewReader(1)
			defer r.Close()
			for range writers * each {
				pos, b, err := r.Next(ctx)
				if err != nil {
					t.Errorf("reader %d: %v", k, err)
					return
				}
				seen[k] = append(seen[k], record{pos, string(b)})
			}
		})
	}
	wait.Wait()
	if len(acked) != writers*each {
		t.Fatalf("%d positions for %d records", len(acked), writers*each)
	}
	for k, records := range seen {
		for i, r := range records {
			if r.pos != Position(i+1) || acked[r.pos] != r.payload {
				t.Fatalf("reader %d: record %d is %+v, acknowledged as %q", k, i, r, acked[r.pos])
			}
		}
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	l, _ := mustOpen(t, dir, Options{})
	if _, _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("second Open = %v, want ErrLocked naming %s", err, dir)
	}
	mustClose(t, l)
	mustOpen(t, dir, Options{})
}

func TestReadOnlyBesideAWriter(t *testing.T) {
	dir := t.TempDir()
	l, _ := mustOpen(t, dir, Options{})
	for i := range 10 {
		mustAppend(t, l, fmt.Sprintf("record %d", i), decision.Process)
	}
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	ro, _, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	mustAppend(t, l, "later", decision.Process)
	if diff := cmp.Diff(numbered(0, 10), payloads(readAll(t, ro, 0))); diff != "" {
		t.Fatal(diff)
	}
	if _, err := ro.Append(context.Background(), nil, decision.Process); !errors.Is(err, ErrReadOnly) {
		t.Fatalf("Append = %v, want ErrReadOnly", err)
	}
	if err := ro.DropBefore(100); !errors.Is(err, ErrReadOnly) {
		t.Fatalf("DropBefore = %v, want ErrReadOnly", err)
	}
	after, err := os.ReadDir(dir)
	if err != nil || len(before) != len(after) {
		t.Fatalf("%d files became %d: %v", len(before), len(after), err)
	}
}

func TestDropBeforeRemovesWholeSegmentsOnly(t *testing.T) {
	dir := t.TempDir()
	l, _ := mustOpen(t, dir, Options{SegmentBytes: 900})
	for i := range 100 {
		mustAppend(t, l, fmt.Sprint(i), decision.Process)
	}
	reading := l.NewReader(1)
	defer reading.Close()
	if pos, _, err := reading.TryNext(); pos != 1 || err != nil {
		t.Fatalf("TryNext = %d, %v", pos, err)
	}
	files := len(segmentFiles(t, dir))
	if err := l.DropBefore(50); err != nil {
		t.Fatal(err)
	}
	first := l.Stats().First
	if left := len(segmentFiles(t, dir)); first > 50 || first < 20 || left >= files {
		t.Fatalf("the log starts at %d with %d of %d segments", first, left, files)
	}
	if _, err := l.Read(1); !errors.Is(err, ErrNotFound) {
		t.Fatalf("Read(1) = %v, want ErrNotFound", err)
	}
	if got := readAll(t, l, 0); got[0].pos != first || len(got) != int(101-first) {
		t.Fatalf("%d records from %d, want those from %d on", len(got), got[0].pos, first)
	}
	if pos, _, err := reading.TryNext(); pos != 2 || err != nil {
		t.Fatalf("a reader within a dropped segment got %d, %v, want to finish it", pos, err)
	}
	if err := l.DropBefore(1 << 60); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, "next", decision.Fsync)
	mustClose(t, l)
	l, _ = mustOpen(t, dir, Options{})
	if pos := mustAppend(t, l, "after restart", decision.Process); pos != 102 {
		t.Fatalf("position %d after everything was dropped, want 102", pos)
	}
	if report, err := Verify(dir); err != nil || !report.Sound() {
		t.Fatalf("Verify = %+v, %v", report, err)
	}
}

func TestEmptyRestartsDoNotPileUp(t *testing.T) {
	dir := t.TempDir()
	for range 5 {
		l, _ := mustOpen(t, dir, Options{})
		mustClose(t, l)
	}
	if n := len(segmentFiles(t, dir)); n != 1 {
		t.Fatalf("%d segments after five empty runs, want 1", n)
	}
}

func TestAppendRefusals(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{})
	ctx := context.Background()
	if _, err := l.Append(ctx, make([]byte, MaxRecordBytes+1), decision.Process); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("too large: %v", err)
	}
	large := strings.Repeat("a large record ", MaxRecordBytes/15)
	if got, err := l.Read(mustAppend(t, l, large, decision.Fsync)); err != nil || string(got) != large {
		t.Fatalf("a record of the greatest size: %d bytes, %v", len(got), err)
	}
	if got, err := l.Read(mustAppend(t, l, "", decision.Fsync)); err != nil || len(got) != 0 {
		t.Fatalf("an empty record: %q, %v", got, err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	end := l.End()
	if _, err := l.Append(done, []byte("x"), decision.Process); !errors.Is(err, context.Canceled) {
		t.Fatalf("ctx done: %v", err)
	}
	mustClose(t, l)
	if _, err := l.Append(ctx, []byte("x"), decision.Process); !errors.Is(err, ErrClosed) {
		t.Fatalf("closed: %v", err)
	}
	if err := l.Close(); !errors.Is(err, ErrClosed) {
		t.Fatalf("closed twice: %v", err)
	}
	if l.End() != end {
		t.Fatalf("refused records moved the end from %d to %d", end, l.End())
	}
}

func TestReaderAtTheTailEndsWithItsContextOrTheLog(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{})
	r := l.NewReader(1)
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Next = %v, want the context's error", err)
	}
	done := make(chan error)
	go func() {
		_, _, err := r.Next(context.Background())
		done <- err
	}()
	time.Sleep(10 * time.Millisecond)
	mustClose(t, l)
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Fatalf("Next = %v, want ErrClosed", err)
	}
}

func TestANewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	b := appendSegmentHeader(nil, segmentHeader{id: 1, first: 1, after: 1})
	b[8] = formatVersion + 1
	b = resumHeader(b)
	if err := os.WriteFile(filepath.Join(dir, segmentName(1)), b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(dir, Options{}); !errors.Is(err, ErrVersion) {
		t.Fatalf("Open = %v, want ErrVersion", err)
	}
	if _, err := Verify(dir); !errors.Is(err, ErrVersion) {
		t.Fatalf("Verify = %v, want ErrVersion", err)
	}
}
