package eventlog

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sort"
	"sync"
)

// maxHandles bounds the segment files held open for random access.
const maxHandles = 64

// store is the readable log: every segment with its block index, up to the last block written. Safe for concurrent use.
type store struct {
	dir     string
	logger  *slog.Logger
	scans   sync.Pool // of *lookup
	damages damageSet

	retention sync.Mutex // held while old segments are removed

	mu       sync.RWMutex
	segments []*segment // in order; never empty in a log open for writing
	grown    chan struct{}
	handles  int
	uses     uint64
	closed   bool
}

// damageSet remembers which damaged places are known, and how many they are.
type damageSet struct {
	mu    sync.Mutex
	seen  map[damageAt]struct{}
	count uint64
}

type damageAt struct {
	segment string
	offset  int64
}

// maxRemembered bounds a damageSet's memory; beyond it a place may be counted more than once.
const maxRemembered = 10_000

func (s *damageSet) add(d Damage) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := damageAt{d.Segment, d.Offset}
	if _, ok := s.seen[at]; ok {
		return false
	}
	if s.seen == nil {
		s.seen = make(map[damageAt]struct{})
	}
	if len(s.seen) < maxRemembered {
		s.seen[at] = struct{}{}
	}
	s.count++
	return true
}

func (s *damageSet) len() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// lookup is the memory of one random access.
type lookup struct {
	scan scanner
	raw  []byte
}

func newStore(dir string, logger *slog.Logger) *store {
	return &store{dir: dir, logger: logger, scans: sync.Pool{New: func() any { return new(lookup) }}}
}

// noteDamage counts and logs a damaged place, once.
func (s *store) noteDamage(d Damage) {
	if !s.damages.add(d) {
		return
	}
	s.logger.Error("the event log is damaged", "segment", d.Segment, "offset", d.Offset, "bytes", d.Bytes, "problem", d.Problem)
}

// end returns the position after the last record.
func (s *store) end() Position {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.lastEnd()
}

func (s *store) lastEnd() Position {
	for i := len(s.segments) - 1; i >= 0; i-- {
		if g := s.segments[i]; g.records > 0 {
			return g.end
		}
	}
	if len(s.segments) > 0 {
		return s.segments[0].header.first
	}
	return 1
}

// addSegment takes a new segment in.
func (s *store) addSegment(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments = append(s.segments, g)
	s.wake()
}

// addBlock makes a block that was written readable, and wakes the readers at the tail.
func (s *store) addBlock(g *segment, h *blockHeader, offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.add(h, offset)
	s.wake()
}

func (s *store) wake() {
	if s.grown != nil {
		close(s.grown)
		s.grown = nil
	}
}

// growth returns a channel that is closed when the log next grows. Look again after getting it, before waiting.
func (s *store) growth() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grown == nil {
		s.grown = make(chan struct{})
	}
	return s.grown
}

// place is where to look for a position: a segment, an offset at or before it, and the segment's readable size.
type place struct {
	segment *segment
	offset  int64
	from    Position // least position at the offset
	size    int64
}

// locate returns the place of the first record at or after pos, or false when there is none yet.
func (s *store) locate(pos Position) (place, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := sort.Search(len(s.segments), func(i int) bool { return s.segments[i].end > pos })
	if i == len(s.segments) {
		return place{}, false
	}
	g := s.segments[i]
	offset, from := g.seek(pos)
	return place{segment: g, offset: offset, from: from, size: g.size}, true
}

// extent returns the readable size of a segment, the position after its last record, and whether it is the last one,
// so that it may grow.
func (s *store) extent(g *segment) (size int64, end Position, last bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return g.size, g.end, len(s.segments) > 0 && s.segments[len(s.segments)-1] == g
}

// read returns a copy of the record at pos.
func (s *store) read(pos Position) ([]byte, error) {
	p, ok := s.locate(pos)
	if !ok || pos < p.from {
		return nil, fmt.Errorf("read position %d: %w", pos, ErrNotFound)
	}
	l := s.scans.Get().(*lookup)
	defer s.scans.Put(l)
	for again := true; ; again = false {
		f, err := s.open(p.segment)
		if err != nil {
			return nil, s.readError(pos, err)
		}
		record, err := l.find(f, p, pos, s.noteDamage)
		if again && errors.Is(err, os.ErrClosed) {
			continue // The handle was closed to make room for another one.
		}
		if err != nil {
			return nil, s.readError(pos, err)
		}
		return record, nil
	}
}

func (s *store) readError(pos Position, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		err = ErrNotFound // Retention took the segment since it was looked up.
	}
	return fmt.Errorf("read position %d: %w", pos, err)
}

// find scans forward from the place to the block that holds pos.
func (l *lookup) find(f io.ReaderAt, p place, pos Position, damaged func(Damage)) ([]byte, error) {
	buf := l.scan.buf[:0]
	l.scan = *p.segment.scanner(f, p.offset, p.from, p.size)
	l.scan.buf, l.scan.damaged = buf, damaged
	defer func() { l.scan.src = nil }()
	for {
		b, tail, err := l.scan.scan()
		if tail != nil {
			damaged(*tail)
		}
		if errors.Is(err, io.EOF) || err == nil && b.first > pos {
			return nil, ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		if b.end() > pos {
			return l.cut(&b, pos, damaged)
		}
	}
}

// cut decompresses a block and returns a copy of the record at pos.
func (l *lookup) cut(b *block, pos Position, damaged func(Damage)) (record []byte, err error) {
	var raw []byte
	if l.raw, raw, err = b.records(l.raw); err != nil {
		damaged(b.damage(l.scan.name, err))
		return nil, ErrNotFound
	}
	for at := b.first; at <= pos; at++ {
		record, raw, _ = cutRecord(raw)
	}
	return append([]byte(nil), record...), nil
}

// open returns a handle of the segment for random access. It may be closed at any time; then open it again.
func (s *store) open(g *segment) (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uses++
	g.used = s.uses
	if g.handle != nil {
		return g.handle, nil
	}
	f, err := os.Open(g.path)
	if err != nil {
		return nil, err
	}
	if s.handles >= maxHandles {
		s.closeOldest(g)
	}
	g.handle = f
	s.handles++
	return f, nil
}

func (s *store) closeOldest(but *segment) {
	var oldest *segment
	for _, g := range s.segments {
		if g.handle != nil && g != but && (oldest == nil || g.used < oldest.used) {
			oldest = g
		}
	}
	if oldest != nil {
		s.closeHandle(oldest)
	}
}

func (s *store) closeHandle(g *segment) {
	if g.handle != nil {
		g.handle.Close()
		g.handle = nil
		s.handles--
	}
}

// close closes the handles and wakes the readers.
func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		s.closeHandle(g)
	}
	s.closed = true
	s.wake()
}

func (s *store) isClosed() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.closed
}
