package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Damage is a stretch of a segment that is no valid block.
type Damage struct {
	Segment string `json:"segment"` // the file's name
	Offset  int64  `json:"offset"`  // of its first byte
	Bytes   int64  `json:"bytes"`
	Problem string `json:"problem"`
}

// String names the place and the problem.
func (d Damage) String() string {
	return fmt.Sprintf("%s: %d bytes at offset %d: %s", d.Segment, d.Bytes, d.Offset, d.Problem)
}

const scanWindow = 64 << 10

// scanner walks over the valid blocks of a segment. What is between them it reports as damage and steps over, by
// looking for the next place that holds a whole valid block of this segment with a possible position.
type scanner struct {
	src     io.ReaderAt
	name    string
	id      uint64 // of the segment; with !known, that of the first valid block becomes it
	known   bool
	next    Position // the least position that may follow
	limit   Position // blocks at or after it do not count; 0: no limit
	offset  int64    // of what is looked at next
	end     int64    // of what may be looked at
	damaged func(Damage)

	buf      []byte
	bufStart int64
}

// block is one valid block: header and checksum hold, the payload is not decompressed yet.
type block struct {
	blockHeader
	offset int64
	stored []byte // valid until the scanner's next call
}

// records returns the block's records, length-prefixed, whole and as many as the header says. They are in memory's
// array or in the scanner's buffer; memory is what to hand in the next time.
func (b *block) records(memory []byte) (grown, records []byte, err error) {
	grown = memory
	if b.codec != codecNone {
		grown = grow(memory[:0], int(b.raw))
	}
	raw, err := decompress(grown, &b.blockHeader, b.stored)
	if err != nil {
		return grown, nil, err
	}
	if n, whole := countRecords(raw); !whole || n != b.count {
		return grown, nil, errPayload
	}
	return grown, raw, nil
}

func (b *block) damage(segment string, err error) Damage {
	return Damage{Segment: segment, Offset: b.offset, Bytes: b.size(), Problem: err.Error()}
}

// scan returns the next valid block, or io.EOF at the end of the region: then the offset is behind the last valid
// block, and tail says what is wrong with the bytes after it, if there are any.
func (s *scanner) scan() (b block, tail *Damage, err error) {
	start, problem := s.offset, ""
	for at := s.offset; ; {
		b, why, err := s.blockAt(at)
		if err != nil {
			return block{}, nil, err
		}
		if why == "" {
			if at > start {
				s.report(start, at, problem)
			}
			s.accept(&b)
			return b, nil, nil
		}
		if problem == "" {
			problem = why
		}
		if at, err = s.findMagic(at + 1); err != nil {
			return block{}, nil, err
		}
		if at < 0 {
			break
		}
	}
	if start >= s.end {
		return block{}, nil, io.EOF
	}
	return block{}, &Damage{Segment: s.name, Offset: start, Bytes: s.end - start, Problem: problem}, io.EOF
}

func (s *scanner) accept(b *block) {
	s.id, s.known = b.id, true
	s.next = b.end()
	s.offset = b.offset + b.size()
}

func (s *scanner) report(from, to int64, problem string) {
	if s.damaged != nil {
		s.damaged(Damage{Segment: s.name, Offset: from, Bytes: to - from, Problem: problem})
	}
}

// Why the bytes at an offset are no valid block of the segment.
const (
	notWhole    = "the block is not whole"
	badHeader   = "the block header is damaged"
	badPayload  = "the block's checksum does not hold"
	badSegment  = "the block is of another segment"
	badPosition = "the block's position is impossible here"
)

// blockAt looks for a valid block at the offset; why says why there is none.
func (s *scanner) blockAt(at int64) (b block, why string, err error) {
	if s.end-at < blockHeaderBytes {
		return block{}, notWhole, nil
	}
	head, err := s.bytes(at, blockHeaderBytes)
	if err != nil {
		return block{}, "", err
	}
	h, ok := parseBlockHeader(head)
	switch {
	case !ok:
		return block{}, badHeader, nil
	case s.known && h.id != s.id:
		return block{}, badSegment, nil
	case h.first < s.next || s.limit > 0 && h.end() > s.limit:
		return block{}, badPosition, nil
	case h.size() > s.end-at:
		return block{}, notWhole, nil
	}
	whole, err := s.bytes(at, int(h.size()))
	if err != nil {
		return block{}, "", err
	}
	b = block{blockHeader: h, offset: at, stored: whole[blockHeaderBytes:]}
	if crc32.Checksum(b.stored, castagnoli) != h.checksum {
		return block{}, badPayload, nil
	}
	return b, "", nil
}

// findMagic returns the first offset from at where a block's magic stands, or -1.
func (s *scanner) findMagic(at int64) (int64, error) {
	for s.end-at >= int64(len(blockMagic)) {
		if _, err := s.bytes(at, len(blockMagic)); err != nil {
			return 0, err
		}
		window := s.buf[at-s.bufStart:] // And what else is in memory: each byte is read once, however often the magic stands.
		if i := bytes.Index(window, []byte(blockMagic)); i >= 0 {
			return at + int64(i), nil
		}
		at += int64(len(window) - len(blockMagic) + 1)
	}
	return -1, nil
}

// bytes returns n bytes at the offset, which lie within the region. They are valid until the next call.
func (s *scanner) bytes(at int64, n int) ([]byte, error) {
	if at < s.bufStart || at+int64(n) > s.bufStart+int64(len(s.buf)) {
		if err := s.fill(at, n); err != nil {
			return nil, err
		}
	}
	from := int(at - s.bufStart)
	return s.buf[from : from+n : from+n], nil
}

func (s *scanner) fill(at int64, n int) error {
	want := int(min(max(int64(n), scanWindow), s.end-at))
	if cap(s.buf) < want {
		s.buf = make([]byte, want)
	}
	got, err := s.src.ReadAt(s.buf[:want], at)
	s.buf, s.bufStart = s.buf[:got], at
	if got >= n {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %s at offset %d: %w", s.name, at, err)
}
