package eventlog

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// syncer is the one goroutine that makes what was written durable: at once when somebody waits for it, else within
// Options.SyncEvery. It runs beside the writer, so that those who wait for the page cache do not wait for the disk.
type syncer struct {
	dir    string
	files  Files
	every  time.Duration
	logger *slog.Logger
	urgent chan struct{} // has a token when somebody waits
	dirty  chan struct{} // has a token when there is something to sync
	broken chan struct{} // has a token when an fdatasync failed: the writer should start a new segment
	ended  chan struct{} // closed by stop

	mu       sync.Mutex
	outputs  []*output // with something to sync or to close, in order
	durable  Position
	progress chan struct{} // closed at the end of a round; nil while nobody waits
	lastSync time.Time
	errors   uint64
	err      error // of the last fdatasync, when it failed
	unsynced []unsynced
}

// unsynced is a stretch of records that were written and whose fdatasync failed, up to the end of their output.
type unsynced struct {
	from Position
	out  *output
}

func newSyncer(o Options, dir string) *syncer {
	return &syncer{
		dir: dir, files: o.Files, every: o.SyncEvery, logger: o.Logger,
		urgent: make(chan struct{}, 1), dirty: make(chan struct{}, 1),
		broken: make(chan struct{}, 1), ended: make(chan struct{}),
	}
}

func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run syncs until stop, then once more.
func (s *syncer) run() {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for {
		select {
		case <-s.urgent:
			s.round()
		case <-s.dirty:
			timer.Reset(s.every)
		case <-timer.C:
			s.round()
		case <-s.ended:
			s.round()
			return
		}
	}
}

// add hands a block that was written to the syncer, and with it those who wait for the disk.
func (s *syncer) add(out *output, b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out.end = b.first + Position(b.n)
	s.enlist(out)
	if b.synced == nil {
		return
	}
	if out.failed != nil {
		b.finishSync(fmt.Errorf("%w: %w", ErrUnsynced, out.failed))
		return
	}
	out.waiting = append(out.waiting, b)
	token(s.urgent)
}

// enlist puts an output on the list of those to look at. The mutex is held.
func (s *syncer) enlist(out *output) {
	if out.dirty {
		return
	}
	out.dirty = true
	if !slices.Contains(s.outputs, out) {
		s.outputs = append(s.outputs, out)
	}
	token(s.dirty)
}

// addWaiter lets b wait for everything written so far; false means that there is nothing to wait for.
func (s *syncer) addWaiter(b *batch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, out := range slices.Backward(s.outputs) {
		if out.failed == nil {
			out.waiting = append(out.waiting, b)
			token(s.urgent)
			return true
		}
	}
	return false
}

// retire says that nothing more is written to the output: it is synced once more, unless that failed before, and closed.
func (s *syncer) retire(out *output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out.done = true
	s.enlist(out)
	token(s.urgent)
}

func (s *syncer) failedOf(out *output) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return out.failed
}

// round syncs every output that has something new, in order, and closes those that are done.
func (s *syncer) round() {
	s.mu.Lock()
	outputs := slices.Clone(s.outputs)
	s.mu.Unlock()
	for _, out := range outputs {
		s.sync(out)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.progress != nil {
		close(s.progress)
		s.progress = nil
	}
}

// sync makes one output durable and tells those who wait for it.
func (s *syncer) sync(out *output) {
	s.mu.Lock()
	waiting, end, failed, named, fresh := out.waiting, out.end, out.failed, out.named, out.dirty
	out.waiting, out.dirty = nil, false
	s.mu.Unlock()
	if failed == nil && (fresh || len(waiting) > 0) {
		err := s.toDisk(out, named)
		s.mu.Lock()
		if err == nil {
			out.named, s.err = true, nil
			s.durable, s.lastSync = max(s.durable, end), time.Now()
		} else {
			failed = fmt.Errorf("%w: %w", ErrUnsynced, err)
			s.noteFailure(out, failed)
			waiting = append(waiting, out.waiting...)
			out.waiting = nil
		}
		s.mu.Unlock()
	}
	for _, b := range waiting {
		b.finishSync(failed)
	}
	s.settle(out)
}

func (s *syncer) toDisk(out *output, named bool) error {
	if err := out.file.Sync(); err != nil {
		return err
	}
	if named {
		return nil
	}
	return s.files.SyncDir(s.dir)
}

// noteFailure marks an output whose fdatasync failed. The mutex is held.
func (s *syncer) noteFailure(out *output, err error) {
	out.failed, s.err = err, err
	s.unsynced = append(s.unsynced, unsynced{s.durable, out})
	s.errors++
	token(s.broken)
	s.logger.Error("the event log cannot sync a segment; records not yet synced may not survive a power loss",
		"segment", out.segment.name, "durable", s.durable, "written", out.end, "error", err)
}

// settle takes an output off the list when nothing is left to do for it, and closes it when it is done.
func (s *syncer) settle(out *output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if out.dirty || len(out.waiting) > 0 {
		return // Written while it was synced; a token says so.
	}
	s.outputs = slices.DeleteFunc(s.outputs, func(o *output) bool { return o == out })
	if !out.done {
		return
	}
	if err := out.file.Close(); err != nil {
		s.logger.Error("the event log cannot close a segment", "segment", out.segment.name, "error", err)
	}
}

// bound waits while records up to next would be more than crashGap ahead of the disk.
func (s *syncer) bound(next Position) error {
	for tries := 0; ; tries++ {
		s.mu.Lock()
		if next <= s.durable+crashGap {
			s.mu.Unlock()
			return nil
		}
		if tries > 1 && s.err != nil {
			defer s.mu.Unlock()
			return fmt.Errorf("%w: %d records are not synced: %w", ErrFailed, crashGap, s.err)
		}
		if s.progress == nil {
			s.progress = make(chan struct{})
		}
		progress := s.progress
		token(s.urgent)
		s.mu.Unlock()
		<-progress
	}
}

// onDisk reports whether the record at pos is known to be on the disk; an error means that it never will be.
func (s *syncer) onDisk(pos Position) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.unsynced {
		if u.from <= pos && pos < u.out.end {
			return false, u.out.failed
		}
	}
	return pos < s.durable, nil
}

func (s *syncer) setDurable(p Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.durable = p
}

// stop ends run after one more round. Every output is retired by then.
func (s *syncer) stop() { close(s.ended) }

// last returns the error of the last fdatasync.
func (s *syncer) last() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *syncer) stats(to *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to.Durable, to.LastSync, to.SyncErrors = s.durable, s.lastSync, s.errors
}
