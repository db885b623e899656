package eventlog

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
)

// Recovery says what opening a log found.
type Recovery struct {
	Segments int
	Records  uint64
	End      Position // after the last record found
	Next     Position // of the first record that will be appended
	Clean    bool     // the log was closed, or is new
	CutBytes int64    // torn off the end of the last segment
	CutFrom  string   // the segment that was cut
	Damage   []Damage // skipped; the records after each are read
}

func (r *Recovery) log(to *slog.Logger) {
	if r.CutBytes > 0 {
		to.Warn("the event log's torn end was cut", "segment", r.CutFrom, "bytes", r.CutBytes)
	}
	to.Info("the event log is open", "segments", r.Segments, "records", r.Records, "end", r.End,
		"next", r.Next, "clean", r.Clean, "damaged", len(r.Damage))
}

// load reads every segment's blocks into the index and changes nothing.
func (s *store) load() (Recovery, error) {
	r, _, err := s.loadAll()
	return r, err
}

// loadAll also returns what is wrong with the bytes behind the last valid block of the last segment, if anything.
func (s *store) loadAll() (Recovery, *Damage, error) {
	segments, err := listSegments(s.dir)
	if err != nil {
		return Recovery{}, nil, err
	}
	var r Recovery
	var torn *Damage
	note := func(d Damage) {
		r.Damage = append(r.Damage, d)
		s.noteDamage(d)
	}
	cut := limits(segments)
	for i, g := range segments {
		told := g.whole // by its header, where it begins; its blocks do not say what came before them
		if !g.whole && i < len(segments)-1 {
			note(Damage{Segment: g.name, Bytes: segmentHeaderBytes, Problem: errHeader.Error()})
		}
		tail, err := g.load(cut[i], note)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return r, nil, err
		}
		if !g.whole && i < len(segments)-1 && !g.ours() {
			continue // It was told above, and holds nothing.
		}
		if lost := s.missing(g); told && lost != nil {
			note(*lost)
		}
		g.leftover = tail != nil && i < len(segments)-1
		switch {
		case tail == nil:
		case i == len(segments)-1:
			torn = tail
		case !remainder(segments, i, g.end):
			note(*tail)
		}
		r.Records += g.records
		s.segments = append(s.segments, g)
	}
	r.Segments = len(s.segments)
	r.End = s.lastEnd()
	r.Next, r.Clean = nextPosition(s.segments, r.End, torn)
	return r, torn, nil
}

// missing says which records the log had before the segment began and has no more, if any: a file is gone, or the end of
// one. What retention drops is the log's beginning, before its first segment.
func (s *store) missing(g *segment) *Damage {
	if len(s.segments) == 0 || g.header.after <= s.lastEnd() {
		return nil
	}
	return &Damage{Segment: g.name, Problem: fmt.Sprintf("the records before it are gone: positions %d to %d", s.lastEnd(), g.header.after-1)}
}

// load scans the segment's blocks into its index.
func (g *segment) load(limit Position, damaged func(Damage)) (tail *Damage, err error) {
	f, err := os.Open(g.path)
	if err != nil {
		return nil, fmt.Errorf("open a segment: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open a segment: %w", err)
	}
	g.size = min(segmentHeaderBytes, info.Size())
	scan := g.scanner(f, g.size, g.header.first, info.Size())
	scan.limit, scan.damaged = limit, damaged
	for {
		b, tail, err := scan.scan()
		if errors.Is(err, io.EOF) {
			return tail, nil
		}
		if err != nil {
			return nil, err
		}
		g.add(&b.blockHeader, b.offset)
		g.header.id, g.whole = b.id, true
	}
}

// nextPosition returns the first position to give out. After a crash a stretch is left out: a power loss can have
// taken records back that were never synced, and somebody may have seen their positions.
func nextPosition(segments []*segment, end Position, torn *Damage) (next Position, clean bool) {
	if len(segments) == 0 {
		return 1, true
	}
	last := segments[len(segments)-1]
	if last.sealed && torn == nil {
		next = max(last.sealedAt, end)
		if next == last.header.first {
			next++ // An empty segment has the name already.
		}
		return next, true
	}
	return max(end, last.header.first) + crashGap, false
}

// recover loads the log and makes its end fit to go on from: the torn end of the last segment is cut, and what a crash
// left in the page cache is synced.
func (s *store) recover() (Recovery, error) {
	r, torn, err := s.loadAll()
	if err != nil {
		return r, err
	}
	if torn != nil {
		if err := s.cutTail(torn, &r); err != nil {
			return r, err
		}
	}
	if !r.Clean {
		s.syncAll()
	}
	return r, nil
}

// cutTail takes the torn end off the last segment. What looks like a whole block that was damaged is kept in a file
// beside it, for whoever wants to look.
func (s *store) cutTail(torn *Damage, r *Recovery) error {
	g := s.segments[len(s.segments)-1]
	if torn.Problem == badPayload || torn.Problem == badHeader {
		if err := keepTail(g.path, torn.Offset); err != nil {
			return fmt.Errorf("keep the damaged end of %s: %w", g.name, err)
		}
	}
	if err := os.Truncate(g.path, torn.Offset); err != nil {
		return fmt.Errorf("cut the torn end of %s: %w", g.name, err)
	}
	r.CutBytes, r.CutFrom = torn.Bytes, g.name
	return nil
}

// keepTail copies what is behind the offset to NAME.torn.
func keepTail(path string, offset int64) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err := from.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	to, err := os.Create(path + ".torn")
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}

// syncAll makes durable what a crash left in the page cache. Nobody waits for it, so a failure is only told.
func (s *store) syncAll() {
	for _, g := range s.segments {
		if err := syncFile(g.path); err != nil {
			s.logger.Error("the event log cannot sync a recovered segment", "segment", g.name, "error", err)
		}
	}
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return dataSync(f)
}

// dropEmpty removes segments that hold nothing, so that restarts do not pile up. The last one is being written.
// It runs once that one is on the disk, so that a crash finds the positions that were given out.
func (s *store) dropEmpty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.segments[len(s.segments)-1]
	s.segments = slices.DeleteFunc(s.segments, func(g *segment) bool {
		if g == last || g.records > 0 || g.leftover || !g.ours() {
			return false
		}
		if err := os.Remove(g.path); err != nil {
			s.logger.Warn("the event log cannot remove an empty segment", "segment", g.name, "error", err)
			return false
		}
		return true
	})
}
