package eventlog

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// crashGap is how many positions are left out after a stop that was not clean: so many records at most are written
// but not yet synced, so that a position which a power loss took back is never given to another record.
const crashGap = 1 << 20

// output is a segment being written. The writer owns it; the syncer's mutex guards what is marked so.
type output struct {
	file    File
	segment *segment
	size    int64 // of the valid part of the file

	// Guarded by syncer.mu.
	end     Position // after the last block handed over
	dirty   bool     // something was handed over since the last sync began
	named   bool     // the directory was synced since the file was made
	done    bool     // nothing more comes: sync it once more, then close it
	failed  error    // of its fdatasync, which is then never called again
	waiting []*batch
}

// writer is the one goroutine that writes blocks.
type writer struct {
	l       *Log
	logger  *slog.Logger
	out     *output // nil while the log is failed
	next    Position
	after   Position // where the readable log ends, for the next segment's header
	pack    compressor
	frame   []byte
	pause   time.Duration // before the next try, while the log is failed
	observe atomic.Pointer[func(first Position, keys []uint64)]

	mu     sync.Mutex
	counts struct{ records, blocks, rawBytes, writeErrors uint64 }
}

func newWriter(l *Log, r Recovery) *writer {
	return &writer{l: l, logger: l.o.Logger, next: r.Next, after: r.End, pause: l.o.RetryEvery}
}

// run writes batches until the queue is closed and empty, then ends the segment.
func (w *writer) run() {
	for {
		runtime.Gosched() // Those who are about to append share the block.
		b, open := w.l.queue.take()
		switch {
		case b != nil:
			w.write(b)
		case !open:
			w.finish()
			return
		case w.out == nil:
			w.retry()
		default:
			select {
			case <-w.l.queue.work:
			case <-w.l.syncer.broken:
				w.replaceBroken()
			}
		}
	}
}

// write writes a batch as one block and tells its waiters.
func (w *writer) write(b *batch) {
	err := w.ready(len(b.raw), b.n)
	if err == nil {
		err = w.writeBlock(b)
	}
	if err != nil {
		b.finish(err)
		w.l.queue.release(b)
		return
	}
	if observe := w.observe.Load(); observe != nil {
		(*observe)(b.first, b.keys)
	}
	w.l.syncer.add(w.out, b)
	b.finish(nil)
	w.l.queue.release(b)
}

// ready makes sure that there is a segment which can take a block of n raw bytes.
func (w *writer) ready(n, records int) error {
	if w.out == nil {
		return w.failedError()
	}
	if w.l.syncer.failedOf(w.out) != nil {
		w.replaceBroken()
	} else if w.out.segment.records > 0 && w.out.size+int64(n) > w.l.o.SegmentBytes {
		w.rotate()
	}
	if w.out == nil {
		return w.failedError()
	}
	return w.l.syncer.bound(w.next + Position(records))
}

func (w *writer) failedError() error {
	w.l.queue.mu.Lock()
	defer w.l.queue.mu.Unlock()
	return w.l.queue.failed
}

func (w *writer) writeBlock(b *batch) error {
	first := w.next
	w.frame = w.pack.appendBlock(w.frame[:0], w.out.segment.header.id, first, b.n, b.raw)
	w.next += Position(b.n) // Never given again, whatever becomes of the block.
	if n, err := w.out.file.Write(w.frame); err != nil || n < len(w.frame) {
		return w.writeFailed(n, err)
	}
	h, _ := parseBlockHeader(w.frame)
	offset := w.out.size
	w.out.size += int64(len(w.frame))
	w.after = w.next
	w.l.store.addBlock(w.out.segment, &h, offset)
	b.first = first
	w.count(b)
	return nil
}

func (w *writer) count(b *batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.records += uint64(b.n)
	w.counts.blocks++
	w.counts.rawBytes += uint64(len(b.raw))
}

func (w *writer) stats(s *Stats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Records, s.Blocks, s.RawBytes, s.WriteErrors = w.counts.records, w.counts.blocks, w.counts.rawBytes, w.counts.writeErrors
}

// writeFailed gives the segment up after a failed or short write, and starts another one. What was written before the
// failed block is synced once more and stays; what there is of the block is cut off, and should that fail as well, the
// next segment's header says that it does not count.
func (w *writer) writeFailed(n int, cause error) error {
	if cause == nil {
		cause = fmt.Errorf("wrote only %d bytes of the block", n)
	}
	w.mu.Lock()
	w.counts.writeErrors++
	w.mu.Unlock()
	w.logger.Error("the event log cannot write", "segment", w.out.segment.name, "error", cause)
	w.cut()
	err := fmt.Errorf("%w: %w", ErrFailed, cause)
	w.l.syncer.retire(w.out)
	w.reopen()
	return err
}

// rotate ends the segment and starts the next one.
func (w *writer) rotate() {
	w.seal()
	w.l.syncer.retire(w.out)
	if err := w.open(false); err != nil {
		w.fail(err)
	}
}

// seal writes the block that ends the segment. Without it the segment ends all the same; only a reader then cannot
// tell that it ended cleanly.
func (w *writer) seal() {
	b := appendSeal(w.frame[:0], w.out.segment.header.id, w.next)
	if err := writeAll(w.out.file, b); err != nil {
		w.logger.Error("the event log cannot seal a segment", "segment", w.out.segment.name, "error", err)
		w.cut()
		return
	}
	h, _ := parseBlockHeader(b)
	w.l.store.addBlock(w.out.segment, &h, w.out.size)
	w.out.size += int64(len(b))
}

// cut takes away what a failed write left behind the last valid block.
func (w *writer) cut() {
	if err := w.out.file.Truncate(w.out.size); err != nil {
		w.logger.Error("the event log cannot cut a block that failed", "segment", w.out.segment.name, "error", err)
	}
}

// replaceBroken gives up a segment whose fdatasync failed. What is in it stays readable.
func (w *writer) replaceBroken() {
	if w.out == nil || w.l.syncer.failedOf(w.out) == nil {
		return
	}
	w.l.syncer.retire(w.out)
	w.reopen()
}

// reopen starts a segment after a failure, with care.
func (w *writer) reopen() {
	w.out = nil
	if err := w.open(true); err != nil {
		w.fail(err)
	}
}

// fail lets Append fail at once until a new segment can be opened.
func (w *writer) fail(cause error) {
	w.out = nil
	w.logger.Error("the event log cannot open a segment, and goes on trying", "error", cause)
	w.l.queue.setFailed(fmt.Errorf("%w: %w", ErrFailed, cause))
}

// retry tries to open a segment again, after a pause that doubles.
func (w *writer) retry() {
	timer := time.NewTimer(w.pause)
	defer timer.Stop()
	for waiting := true; waiting; {
		select {
		case <-timer.C:
			waiting = false
		case <-w.l.queue.work:
			if w.l.queue.isClosed() {
				return
			}
		case <-w.l.syncer.broken:
		}
	}
	if err := w.open(true); err != nil {
		w.pause = min(2*w.pause, 16*w.l.o.RetryEvery)
		return
	}
	w.pause = w.l.o.RetryEvery
	w.logger.Info("the event log can write again", "segment", w.out.segment.name)
	w.l.queue.setFailed(nil)
}

// probeBytes have to fit on the disk before a log that failed takes records again.
const probeBytes = 64 << 10

// open starts a new segment. With care, its header and a probe have to reach the disk first.
func (w *writer) open(careful bool) error {
	h := segmentHeader{id: randomID(), first: w.next, after: w.after}
	name := segmentName(h.first)
	path := filepath.Join(w.l.dir, name)
	f, err := w.l.o.Files.Create(path)
	if err != nil {
		if errors.Is(err, os.ErrExist) {
			w.next++ // What is there could not be removed; its name is taken for good.
		}
		return fmt.Errorf("create a segment: %w", err)
	}
	if err := w.begin(f, h, careful); err != nil {
		f.Close()
		_ = os.Remove(path) // Should it stay, it is a segment without blocks.
		return fmt.Errorf("begin segment %s: %w", name, err)
	}
	g := &segment{name: name, path: path, header: h, whole: true, end: h.first, size: segmentHeaderBytes}
	w.out = &output{file: f, segment: g, size: segmentHeaderBytes, end: h.first, named: careful}
	w.l.store.addSegment(g)
	return nil
}

func (w *writer) begin(f File, h segmentHeader, careful bool) error {
	if err := writeAll(f, appendSegmentHeader(nil, h)); err != nil {
		return err
	}
	if !careful {
		return nil
	}
	if err := writeAll(f, make([]byte, probeBytes)); err != nil {
		return err
	}
	if err := f.Truncate(segmentHeaderBytes); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return w.l.o.Files.SyncDir(w.l.dir)
}

func writeAll(f File, b []byte) error {
	n, err := f.Write(b)
	if err == nil && n < len(b) {
		err = fmt.Errorf("wrote only %d of %d bytes", n, len(b))
	}
	return err
}

// finish seals the segment and lets the syncer end.
func (w *writer) finish() {
	if w.out != nil {
		w.seal()
	}
	if w.out != nil {
		w.l.syncer.retire(w.out)
		w.out = nil
	}
	w.l.syncer.stop()
}

// randomID is not to be guessed, so that nobody can write a record that looks like a block of the segment.
func randomID() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // It never fails: the runtime ends the program instead.
	return binary.LittleEndian.Uint64(b[:])
}
