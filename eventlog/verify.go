package eventlog

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Report is what Verify found.
type Report struct {
	Segments []SegmentReport `json:"segments"`
	Gaps     []Gap           `json:"gaps"`
	Records  uint64          `json:"records"`
	Bytes    int64           `json:"bytes"`
	// Torn is what of a block the last segment ends with, as a crash leaves it, or a writer at work. Open cuts it off:
	// none of it was acknowledged, unless the file was cut short by somebody else.
	Torn *Damage `json:"torn"`
}

// SegmentReport is what Verify found in one segment.
type SegmentReport struct {
	Name      string   `json:"name"`
	First     Position `json:"first"` // of its first record
	End       Position `json:"end"`   // after its last record
	Records   uint64   `json:"records"`
	Blocks    uint64   `json:"blocks"`
	Bytes     int64    `json:"bytes"`     // of the file
	RawBytes  int64    `json:"raw_bytes"` // of the records, decompressed
	Sealed    bool     `json:"sealed"`    // it was ended in order
	Remainder int64    `json:"remainder"` // bytes that a refused write left behind the last block; they do not count
	Damage    []Damage `json:"damage"`
}

// Gap is a stretch of positions without records.
type Gap struct {
	From Position `json:"from"`
	To   Position `json:"to"` // the first position after it
	// Declared says that the log itself says that these positions were never acknowledged: they were refused, or left
	// out after a crash. Another gap means lost records.
	Declared bool `json:"declared"`
}

// Sound reports whether nothing is damaged and nothing is missing; a torn end is neither.
func (r *Report) Sound() bool {
	for _, g := range r.Gaps {
		if !g.Declared {
			return false
		}
	}
	for i := range r.Segments {
		if len(r.Segments[i].Damage) > 0 {
			return false
		}
	}
	return true
}

// Verify reads every block and every record of the log in dir. It changes nothing and takes no lock. An error means that the log could not be read at all.
func Verify(dir string) (Report, error) {
	segments, err := listSegments(dir)
	if err != nil {
		return Report{}, err
	}
	var r Report
	cut := limits(segments)
	expected := Position(0)
	for i, g := range segments {
		v := verification{report: SegmentReport{Name: g.name, First: g.header.first}, expected: expected}
		tail, err := v.run(g, cut[i])
		if err != nil {
			return r, fmt.Errorf("verify %s: %w", g.name, err)
		}
		switch {
		case tail == nil:
		case remainder(segments, i, v.expected):
			v.report.Remainder = tail.Bytes
		case i == len(segments)-1 && tail.Problem == notWhole:
			r.Torn = tail
		default:
			v.damaged(*tail)
		}
		r.add(&v)
		expected = max(expected, v.expected)
	}
	return r, nil
}

func (r *Report) add(v *verification) {
	r.Segments = append(r.Segments, v.report)
	r.Gaps = append(r.Gaps, v.gaps...)
	r.Records += v.report.Records
	r.Bytes += v.report.Bytes
}

// verification is one segment's.
type verification struct {
	report   SegmentReport
	expected Position // 0 before the first segment
	gaps     []Gap
	raw      []byte
}

// run reads a segment and returns what is wrong with the bytes behind its last block, if anything.
func (v *verification) run(g *segment, limit Position) (tail *Damage, err error) {
	f, err := os.Open(g.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	v.report.Bytes = info.Size()
	v.begin(g)
	if info.Size() < segmentHeaderBytes {
		return &Damage{Segment: g.name, Bytes: info.Size(), Problem: notWhole}, nil
	}
	if !g.whole {
		v.damaged(Damage{Segment: g.name, Bytes: segmentHeaderBytes, Problem: errHeader.Error()})
	}
	scan := g.scanner(f, segmentHeaderBytes, g.header.first, info.Size())
	scan.limit, scan.damaged = limit, v.damaged
	for {
		b, tail, err := scan.scan()
		if errors.Is(err, io.EOF) {
			return tail, nil
		}
		if err != nil {
			return nil, err
		}
		v.block(&b)
	}
}

// begin accounts for the positions between the last segment and this one.
func (v *verification) begin(g *segment) {
	if v.expected == 0 {
		v.expected = g.header.first
	}
	v.gap(g.header.after, false)
	v.gap(g.header.first, g.whole)
	v.report.End = v.expected
}

func (v *verification) damaged(d Damage) { v.report.Damage = append(v.report.Damage, d) }

func (v *verification) gap(to Position, declared bool) {
	if to > v.expected {
		v.gaps = append(v.gaps, Gap{From: v.expected, To: to, Declared: declared})
		v.expected = to
	}
}

func (v *verification) block(b *block) {
	v.gap(b.first, false)
	v.expected, v.report.End = b.end(), b.end()
	if b.seal() {
		v.report.Sealed = true
		return
	}
	var raw []byte
	var err error
	if v.raw, raw, err = b.records(v.raw); err != nil {
		v.damaged(b.damage(v.report.Name, err))
		return
	}
	v.report.Records += uint64(b.count)
	v.report.Blocks++
	v.report.RawBytes += int64(len(raw))
}
