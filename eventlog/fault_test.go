package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/decision"
)

// eventually waits until Append works again, and returns how the log took it.
func eventually(t *testing.T, l *Log, payload string, d decision.Durability) Position {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		pos, err := l.Append(context.Background(), []byte(payload), d)
		if err == nil {
			return pos
		}
		if !errors.Is(err, ErrFailed) || time.Now().After(deadline) {
			t.Fatalf("append %q: %v", payload, err)
		}
		time.Sleep(time.Millisecond)
	}
}

// refused appends and wants ErrFailed for the cause.
func refused(t *testing.T, l *Log, payload string, d decision.Durability, cause error) {
	t.Helper()
	_, err := l.Append(context.Background(), []byte(payload), d)
	if !errors.Is(err, ErrFailed) || cause != nil && !errors.Is(err, cause) {
		t.Fatalf("append %q = %v, want ErrFailed for %v", payload, err, cause)
	}
}

// sound checks that what is on the disk reads as want, before and after a restart, and that nothing seems damaged.
func sound(t *testing.T, dir string, l *Log, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, payloads(readAll(t, l, 0))); diff != "" {
		t.Fatalf("read while open: %s", diff)
	}
	crashed := t.TempDir()
	copyDir(t, dir, crashed)
	mustClose(t, l)
	for name, d := range map[string]string{"closed": dir, "crashed": crashed} {
		after, _ := mustOpen(t, d, Options{})
		if diff := cmp.Diff(want, payloads(readAll(t, after, 0))); diff != "" {
			t.Fatalf("read after it was %s: %s", name, diff)
		}
		mustAppend(t, after, "one more", decision.Fsync)
		mustClose(t, after)
		report, err := Verify(d)
		if err != nil || !report.Sound() {
			t.Fatalf("Verify after it was %s = %+v, %v", name, report, err)
		}
	}
}

// A write that fails, whole or in part, refuses its block alone; the log goes on in a new segment.
func TestAFailedWriteRefusesItsBlockAlone(t *testing.T) {
	t.Parallel()
	for _, d := range []decision.Durability{decision.Process, decision.Fsync} {
		for _, keep := range []int{0, 1, 20, blockHeaderBytes, blockHeaderBytes + 3, 1 << 20} {
			for _, cuts := range []bool{true, false} {
				t.Run(fmt.Sprintf("durability %d keeps %d cuts %v", d, keep, cuts), func(t *testing.T) {
					failedWrite(t, d, keep, cuts)
				})
			}
		}
	}
}

func failedWrite(t *testing.T, d decision.Durability, keep int, cuts bool) {
	files, dir := newFaultFiles(), t.TempDir()
	l, _ := mustOpen(t, dir, Options{Files: files})
	mustAppend(t, l, "first", d)
	files.set(func() {
		files.write = func(_ string, b []byte) (int, error) {
			if !strings.Contains(string(b), "second") {
				return len(b), nil
			}
			return min(keep, len(b)), errFullDisk
		}
		if !cuts {
			files.truncate = once(1, errBadDisk)
		}
	})
	refused(t, l, "second", d, errFullDisk)
	if pos := eventually(t, l, "third", d); pos != 3 {
		t.Fatalf("third is at %d, want 3: the refused position is not used again", pos)
	}
	if _, err := l.Read(2); !errors.Is(err, ErrNotFound) {
		t.Fatalf("Read of the refused position = %v, want ErrNotFound", err)
	}
	sound(t, dir, l, []string{"first", "third"})
}

// A short write without an error is a failed write.
func TestAShortWriteIsAFailedWrite(t *testing.T) {
	files, dir := newFaultFiles(), t.TempDir()
	l, _ := mustOpen(t, dir, Options{Files: files})
	files.set(func() {
		files.write = func(_ string, b []byte) (int, error) {
			if strings.Contains(string(b), "short") {
				return len(b) - 1, nil
			}
			return len(b), nil
		}
	})
	refused(t, l, "short", decision.Process, nil)
	mustAppend(t, l, "whole", decision.Fsync)
	sound(t, dir, l, []string{"whole"})
}

// An fdatasync that fails refuses those who wait for it, is never called again on that file, and costs nothing else.
func TestAFailedSyncIsNeverTriedAgainOnItsFile(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 20; n++ {
		files, dir := newFaultFiles(), t.TempDir()
		l, _ := mustOpen(t, dir, Options{Files: files})
		files.set(func() { files.sync = once(n, errBadDisk) })
		var want []string
		acked, nacked := 0, 0
		for i := range 25 {
			payload := fmt.Sprintf("record %d", i)
			want = append(want, payload) // A block whose fdatasync failed stays readable.
			if _, err := l.Append(context.Background(), []byte(payload), decision.Fsync); err == nil {
				acked++
			} else if errors.Is(err, ErrFailed) && errors.Is(err, errBadDisk) {
				nacked++
			} else {
				t.Fatal(err)
			}
		}
		s := l.Stats()
		if nacked != 1 || acked != 24 || s.SyncErrors != 1 || s.Failed != nil || s.Durable != l.End() {
			t.Fatalf("failed sync %d: %d acknowledged, %d refused, %+v", n, acked, nacked, s)
		}
		sound(t, dir, l, want)
		if files.afterError > 0 {
			t.Fatalf("failed sync %d: fdatasync was called %d times on a file where it had failed", n, files.afterError)
		}
	}
}

// Those who wait for the page cache alone are not refused by a disk that fails, and the log leaves the file.
func TestAFailedBackgroundSyncMovesToANewSegment(t *testing.T) {
	files, dir := newFaultFiles(), t.TempDir()
	l, _ := mustOpen(t, dir, Options{Files: files, SyncEvery: time.Millisecond})
	files.set(func() { files.sync = once(1, errBadDisk) })
	mustAppend(t, l, "before", decision.Process)
	for l.Stats().Segments < 2 {
		time.Sleep(time.Millisecond)
	}
	mustAppend(t, l, "after", decision.Fsync)
	sound(t, dir, l, []string{"before", "after"})
	if files.afterError > 0 {
		t.Fatal("fdatasync was called again on a file where it had failed")
	}
}

// While nothing can be opened, Append fails at once; the log works again by itself once it can.
func TestAFailedLogRecoversByItself(t *testing.T) {
	broken := map[string]func(f *faultFiles){
		"create": func(f *faultFiles) { f.create = func(string) error { return errFullDisk } },
		"write":  func(f *faultFiles) { f.write = func(string, []byte) (int, error) { return 0, errFullDisk } },
		"sync":   func(f *faultFiles) { f.sync = func(string) error { return errBadDisk } },
		"dir":    func(f *faultFiles) { f.syncDir = func() error { return errBadDisk } },
	}
	for name, breakIt := range broken {
		t.Run(name, func(t *testing.T) {
			files, dir := newFaultFiles(), t.TempDir()
			l, _ := mustOpen(t, dir, Options{Files: files, RetryEvery: time.Millisecond})
			mustAppend(t, l, "before", decision.Fsync)
			files.set(func() {
				breakIt(files)
				files.write = func(string, []byte) (int, error) { return 0, errFullDisk }
			})
			refused(t, l, "refused", decision.Process, nil)
			for l.Stats().Failed == nil {
				time.Sleep(time.Millisecond)
			}
			refused(t, l, "refused", decision.Fsync, nil)
			refused(t, l, "refused", decision.Process, nil)
			files.set(func() { files.create, files.write, files.sync, files.syncDir = nil, nil, nil, nil })
			eventually(t, l, "after", decision.Fsync)
			if s := l.Stats(); s.Failed != nil {
				t.Fatalf("Stats.Failed = %v", s.Failed)
			}
			sound(t, dir, l, []string{"before", "after"})
		})
	}
}

func TestCloseOfAFailedLogEndsAndSaysSo(t *testing.T) {
	files := newFaultFiles()
	l, _ := mustOpen(t, t.TempDir(), Options{Files: files})
	files.set(func() {
		files.create = func(string) error { return errFullDisk }
		files.write = func(string, []byte) (int, error) { return 0, errFullDisk }
	})
	refused(t, l, "x", decision.Process, errFullDisk)
	if err := l.Close(); !errors.Is(err, ErrFailed) {
		t.Fatalf("Close = %v, want ErrFailed", err)
	}
}

// The name of a segment is on the disk before anything in it is acknowledged as being there.
func TestTheDirectoryIsSyncedBeforeTheFirstFsyncAck(t *testing.T) {
	files := newFaultFiles()
	l, _ := mustOpen(t, t.TempDir(), Options{Files: files, SegmentBytes: 300, SyncEvery: time.Hour})
	for i := range 50 {
		before, segments := files.dirSyncs.Load(), l.Stats().Segments
		mustAppend(t, l, fmt.Sprintf("%d %s", i, strings.Repeat("x", 100)), decision.Fsync)
		if l.Stats().Segments > segments && files.dirSyncs.Load() == before {
			t.Fatalf("record %d was acknowledged from a new segment before the directory was synced", i)
		}
	}
}

// hold makes fdatasync wait, and reports each that begins.
func hold(files *faultFiles) (began chan struct{}, release func()) {
	began, gate := make(chan struct{}, 1000), make(chan struct{})
	files.set(func() {
		files.sync = func(string) error {
			began <- struct{}{}
			<-gate
			return nil
		}
	})
	return began, sync.OnceFunc(func() { close(gate) })
}

func TestProcessAcksDoNotWaitForTheDisk(t *testing.T) {
	files := newFaultFiles()
	l, _ := mustOpen(t, t.TempDir(), Options{Files: files})
	began, release := hold(files)
	defer release()
	slow := make(chan error)
	go func() {
		_, err := l.Append(context.Background(), []byte("slow"), decision.Fsync)
		slow <- err
	}()
	<-began
	for i := range 100 {
		mustAppend(t, l, fmt.Sprint(i), decision.Process)
	}
	select {
	case err := <-slow:
		t.Fatalf("the Fsync record was acknowledged before its fdatasync returned: %v", err)
	default:
	}
	release()
	if err := <-slow; err != nil {
		t.Fatal(err)
	}
}

// One fdatasync acknowledges everyone who waited when it began.
func TestFsyncIsAGroupCommit(t *testing.T) {
	files := newFaultFiles()
	l, _ := mustOpen(t, t.TempDir(), Options{Files: files})
	began, release := hold(files)
	defer release()
	var wait sync.WaitGroup
	wait.Go(func() { mustAppend(t, l, "first", decision.Fsync) })
	<-began
	for i := range 200 {
		wait.Go(func() { mustAppend(t, l, fmt.Sprint(i), decision.Fsync) })
	}
	for l.End() < 202 {
		time.Sleep(time.Millisecond)
	}
	release()
	wait.Wait()
	if n := len(began); n > 2 {
		t.Fatalf("%d more fdatasyncs for 200 records written during the first, want 1 or 2", n)
	}
}

func TestAFullQueueWaitsAndThenSaysSo(t *testing.T) {
	files, dir := newFaultFiles(), t.TempDir()
	l, _ := mustOpen(t, dir, Options{Files: files, QueueBytes: 1000})
	gate, writing := make(chan struct{}), make(chan struct{}, 100)
	files.set(func() {
		files.write = func(_ string, b []byte) (int, error) {
			writing <- struct{}{}
			<-gate
			return len(b), nil
		}
	})
	payload := strings.Repeat("x", 400)
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := l.Append(context.Background(), []byte(payload), decision.Process)
			results <- err
		}()
	}
	<-writing
	for l.Stats().QueuedBytes < 800 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := l.Append(ctx, []byte(payload), decision.Process); !errors.Is(err, ErrFull) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("append to a full queue = %v, want ErrFull", err)
	}
	third := make(chan error, 1)
	go func() {
		_, err := l.Append(context.Background(), []byte(payload), decision.Process)
		third <- err
	}()
	close(gate)
	for _, c := range []chan error{results, results, third} {
		if err := <-c; err != nil {
			t.Fatal(err)
		}
	}
	if s := l.Stats(); s.Records != 3 || s.QueuedBytes != 0 {
		t.Fatalf("%+v, want 3 records and an empty queue", s)
	}
}

// A caller who gives up while the record is on its way gets its context's error; the record may be written.
func TestGivingUpHasAnUnknownOutcome(t *testing.T) {
	files, dir := newFaultFiles(), t.TempDir()
	l, _ := mustOpen(t, dir, Options{Files: files})
	gate := make(chan struct{})
	files.set(func() {
		files.write = func(_ string, b []byte) (int, error) {
			<-gate
			return len(b), nil
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	payload := []byte("given up")
	_, err := l.Append(ctx, payload, decision.Process)
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrFull) {
		t.Fatalf("Append = %v, want the context's error alone", err)
	}
	var open interface{ Settled() <-chan struct{} }
	if !errors.As(err, &open) {
		t.Fatalf("Append = %v, which does not say when the outcome is known", err)
	}
	select {
	case <-open.Settled():
		t.Fatal("settled while it is being written")
	default:
	}
	copy(payload, "scribbled over") // The caller's memory is its own again.
	close(gate)
	<-open.Settled()
	if b, err := l.Read(1); err != nil || string(b) != "given up" {
		t.Fatalf("settled, and Read = %q, %v", b, err)
	}
	mustAppend(t, l, "next", decision.Fsync)
	sound(t, dir, l, []string{"given up", "next"})
}

func TestSyncWaitsForWhatWasWritten(t *testing.T) {
	files := newFaultFiles()
	l, _ := mustOpen(t, t.TempDir(), Options{Files: files, SyncEvery: time.Hour})
	mustAppend(t, l, "x", decision.Process)
	if s := l.Stats(); s.Durable != 1 {
		t.Fatalf("Durable = %d before anything was synced", s.Durable)
	}
	if err := l.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Durable != 2 {
		t.Fatalf("Durable = %d after Sync, want 2", s.Durable)
	}
	if err := l.Sync(context.Background()); err != nil {
		t.Fatalf("Sync with nothing to do: %v", err)
	}
	mustAppend(t, l, "y", decision.Process)
	files.set(func() { files.sync = func(string) error { return errBadDisk } })
	if err := l.Sync(context.Background()); !errors.Is(err, ErrFailed) || !errors.Is(err, errBadDisk) {
		t.Fatalf("Sync on a failing disk = %v, want ErrFailed", err)
	}
}

// The syncer rests while nothing is written, and syncs soon after something is.
func TestBackgroundSync(t *testing.T) {
	files := newFaultFiles()
	l, _ := mustOpen(t, t.TempDir(), Options{Files: files, SyncEvery: 2 * time.Millisecond})
	for i := range 3 {
		pos := mustAppend(t, l, fmt.Sprint(i), decision.Process)
		for l.Stats().Durable <= pos {
			time.Sleep(time.Millisecond)
		}
	}
	files.mu.Lock()
	var counts []int
	for _, n := range files.syncs {
		counts = append(counts, n)
	}
	files.mu.Unlock()
	time.Sleep(20 * time.Millisecond)
	files.mu.Lock()
	defer files.mu.Unlock()
	for _, n := range files.syncs {
		if !slices.Contains(counts, n) || n > 4 {
			t.Fatalf("fdatasync went on at rest: %v, then %v", counts, files.syncs)
		}
	}
}
