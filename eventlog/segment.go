package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// indexEvery is the distance between two entries of a segment's block index: at most so much is read over to find a
// block, and the index takes a thousandth of the log's size in memory.
const indexEvery = 16 << 10

// segment is what is known in memory about one segment file. Its store's mutex guards it.
type segment struct {
	name   string // of the file
	path   string
	header segmentHeader
	whole  bool // the file's header could be read
	sealed bool // the last block is a seal

	sealedAt Position // the first position that was not given out when it was sealed
	leftover bool     // bytes that are no valid block follow the last one
	end      Position // after the last record; header.first while there is none
	size     int64    // of the file up to the end of the last valid block
	records  uint64
	blocks   uint64
	index    []indexEntry

	handle *os.File // for random access, nil while closed
	used   uint64   // when the handle was used last, in the store's count
}

type indexEntry struct {
	first  Position
	offset int64
}

const segmentSuffix = ".log"

// segmentName is the file's name: its first position, so that names sort like positions.
func segmentName(first Position) string { return fmt.Sprintf("%020d%s", uint64(first), segmentSuffix) }

func parseSegmentName(name string) (Position, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return Position(n), err == nil && n > 0
}

// add counts a valid block.
func (g *segment) add(h *blockHeader, offset int64) {
	g.size = offset + h.size()
	g.sealed = h.seal()
	if g.sealed {
		g.sealedAt = h.first
		return
	}
	if n := len(g.index); n == 0 || offset-g.index[n-1].offset >= indexEvery {
		g.index = append(g.index, indexEntry{first: h.first, offset: offset})
	}
	g.end = h.end()
	g.records += uint64(h.count)
	g.blocks++
}

// seek returns the offset of a block at or before the one that holds pos.
func (g *segment) seek(pos Position) (offset int64, from Position) {
	i := sort.Search(len(g.index), func(i int) bool { return g.index[i].first > pos })
	if i == 0 {
		return segmentHeaderBytes, g.header.first
	}
	return g.index[i-1].offset, g.index[i-1].first
}

// listSegments returns the segments of a directory in order, their headers read and nothing else.
func listSegments(dir string) ([]*segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the event log: %w", err)
	}
	var segments []*segment
	for _, e := range entries {
		first, ok := parseSegmentName(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		g := &segment{name: e.Name(), path: filepath.Join(dir, e.Name()), end: first}
		err := g.readHeader(first)
		if errors.Is(err, os.ErrNotExist) {
			continue // Retention removed it since it was listed.
		}
		if err != nil {
			return nil, err
		}
		segments = append(segments, g)
	}
	slices.SortFunc(segments, func(a, b *segment) int { return strings.Compare(a.name, b.name) })
	return segments, nil
}

// readHeader reads the file's header; a damaged one leaves the position in the name to go by.
func (g *segment) readHeader(first Position) error {
	f, err := os.Open(g.path)
	if err != nil {
		return fmt.Errorf("open a segment: %w", err)
	}
	defer f.Close()
	b := make([]byte, segmentHeaderBytes)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read a segment header: %w", err)
	}
	h, err := parseSegmentHeader(b[:n])
	if errors.Is(err, ErrVersion) {
		return fmt.Errorf("%s: %w", g.path, err)
	}
	if err != nil || h.first != first {
		g.header = segmentHeader{first: first, after: first}
		return nil
	}
	g.header, g.whole = h, true
	return nil
}

// limits returns for each segment the position at which its blocks stop to count: where a later segment begins. A file
// that merely has a segment's name says nothing.
func limits(segments []*segment) []Position {
	out := make([]Position, len(segments))
	least := Position(0)
	for i := len(segments) - 1; i >= 0; i-- {
		out[i] = least
		if h := segments[i].header; segments[i].whole && (least == 0 || h.after < least) {
			least = h.after
		}
	}
	return out
}

// ours reports whether the file is a segment, or what a crash leaves of one that was being made: zeros or the first
// part of a header. Other files are not ours to remove.
func (g *segment) ours() bool {
	if g.whole {
		return true
	}
	b, err := os.ReadFile(g.path)
	if err != nil || len(b) > segmentHeaderBytes {
		return false
	}
	b = bytes.TrimRight(b, "\x00")
	n := min(len(b), len(segmentMagic))
	return string(b[:n]) == segmentMagic[:n]
}

// remainder reports whether bytes behind the last block of segment i, where records end at end, are what a refused
// write left there: the next segment goes on at end and says that positions after it were refused.
func remainder(segments []*segment, i int, end Position) bool {
	if i+1 >= len(segments) {
		return false
	}
	next := segments[i+1]
	return next.whole && next.header.after == end && next.header.first > end
}

// scanner returns a scanner over f from the offset, where the least possible position is next.
func (g *segment) scanner(f io.ReaderAt, offset int64, next Position, end int64) *scanner {
	return &scanner{
		src: f, name: g.name, id: g.header.id, known: g.whole,
		next: next, offset: offset, end: end,
	}
}
