package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The format's numbers. The picture is in the package comment and in docs/log-format.md.
const (
	formatVersion      = 1
	segmentMagic       = "NBEVLOG\n"
	segmentHeaderBytes = 44
	blockMagic         = "NBB1"
	blockHeaderBytes   = 44

	flagSeal = 1 // the block holds no records: its segment ends here, and nothing before it is missing
)

// MaxRecordBytes bounds one record. It also bounds what a damaged length can make a reader allocate.
const MaxRecordBytes = 16 << 20

// maxRawBytes bounds a block's payload before compression: one record of the greatest size and its length.
const maxRawBytes = MaxRecordBytes + binary.MaxVarintLen32

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segmentHeader opens a segment file.
type segmentHeader struct {
	id    uint64   // random; every block of the segment repeats it
	first Position // of the first record
	after Position // what came before this segment ends here: positions from here to first were never acknowledged
}

func appendSegmentHeader(b []byte, h segmentHeader) []byte {
	start := len(b)
	b = append(b, segmentMagic...)
	b = binary.LittleEndian.AppendUint32(b, formatVersion)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint64(b, h.id)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.first))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.after))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

var errHeader = errors.New("the segment header is damaged")

// parseSegmentHeader reads a header. A header that is whole but of another version is ErrVersion.
func parseSegmentHeader(b []byte) (segmentHeader, error) {
	if len(b) < segmentHeaderBytes || string(b[:8]) != segmentMagic ||
		crc32.Checksum(b[:40], castagnoli) != binary.LittleEndian.Uint32(b[40:]) {
		return segmentHeader{}, errHeader
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != formatVersion {
		return segmentHeader{}, fmt.Errorf("%w: version %d, this program reads %d", ErrVersion, v, formatVersion)
	}
	h := segmentHeader{
		id:    binary.LittleEndian.Uint64(b[16:]),
		first: Position(binary.LittleEndian.Uint64(b[24:])),
		after: Position(binary.LittleEndian.Uint64(b[32:])),
	}
	if h.first == 0 || h.after > h.first {
		return segmentHeader{}, errHeader
	}
	return h, nil
}

// blockHeader opens a block.
type blockHeader struct {
	codec    codec
	flags    uint8
	id       uint64 // of the segment
	first    Position
	count    uint32
	stored   uint32 // bytes of the payload in the file
	raw      uint32 // bytes of the payload once decompressed
	checksum uint32 // CRC-32C of the payload in the file
}

func (h *blockHeader) end() Position { return h.first + Position(h.count) }

func (h *blockHeader) size() int64 { return blockHeaderBytes + int64(h.stored) }

func (h *blockHeader) seal() bool { return h.flags&flagSeal != 0 }

// put writes the header over the first blockHeaderBytes of b.
func (h *blockHeader) put(b []byte) {
	copy(b, blockMagic)
	b[4], b[5], b[6], b[7] = byte(h.codec), h.flags, 0, 0
	binary.LittleEndian.PutUint64(b[8:], h.id)
	binary.LittleEndian.PutUint64(b[16:], uint64(h.first))
	binary.LittleEndian.PutUint32(b[24:], h.count)
	binary.LittleEndian.PutUint32(b[28:], h.stored)
	binary.LittleEndian.PutUint32(b[32:], h.raw)
	binary.LittleEndian.PutUint32(b[36:], h.checksum)
	binary.LittleEndian.PutUint32(b[40:], crc32.Checksum(b[:40], castagnoli))
}

// parseBlockHeader reads a header and reports whether it is whole and possible in itself.
func parseBlockHeader(b []byte) (blockHeader, bool) {
	if len(b) < blockHeaderBytes || string(b[:4]) != blockMagic ||
		crc32.Checksum(b[:40], castagnoli) != binary.LittleEndian.Uint32(b[40:]) {
		return blockHeader{}, false
	}
	h := blockHeader{
		codec:    codec(b[4]),
		flags:    b[5],
		id:       binary.LittleEndian.Uint64(b[8:]),
		first:    Position(binary.LittleEndian.Uint64(b[16:])),
		count:    binary.LittleEndian.Uint32(b[24:]),
		stored:   binary.LittleEndian.Uint32(b[28:]),
		raw:      binary.LittleEndian.Uint32(b[32:]),
		checksum: binary.LittleEndian.Uint32(b[36:]),
	}
	return h, h.possible()
}

func (h *blockHeader) possible() bool {
	if h.codec > lastCodec || h.flags&^flagSeal != 0 || h.first == 0 || h.end() < h.first {
		return false
	}
	if h.seal() {
		return h.count == 0 && h.stored == 0 && h.raw == 0
	}
	return h.count > 0 && h.count <= h.raw && h.raw <= maxRawBytes && h.stored <= h.raw
}

// appendBlock appends a whole block of records to b. raw holds count length-prefixed records.
func (c *compressor) appendBlock(b []byte, id uint64, first Position, count int, raw []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, blockHeaderBytes)...)
	b, used := c.compress(b, raw)
	payload := b[start+blockHeaderBytes:]
	h := blockHeader{
		codec: used, id: id, first: first, count: uint32(count),
		stored: uint32(len(payload)), raw: uint32(len(raw)), checksum: crc32.Checksum(payload, castagnoli),
	}
	h.put(b[start:])
	return b
}

// appendSeal appends the block that ends a segment.
func appendSeal(b []byte, id uint64, end Position) []byte {
	start := len(b)
	b = append(b, make([]byte, blockHeaderBytes)...)
	h := blockHeader{flags: flagSeal, id: id, first: end}
	h.put(b[start:])
	return b
}

func appendRecord(b, record []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(record))), record...)
}

// cutRecord splits the first record off raw.
func cutRecord(raw []byte) (record, rest []byte, ok bool) {
	n, w := binary.Uvarint(raw)
	if w <= 0 || n > uint64(len(raw)-w) {
		return nil, nil, false
	}
	return raw[w : w+int(n) : w+int(n)], raw[w+int(n):], true
}

// countRecords returns how many records raw holds, and false when it is not made of whole records.
func countRecords(raw []byte) (n uint32, ok bool) {
	for len(raw) > 0 {
		if _, raw, ok = cutRecord(raw); !ok {
			return n, false
		}
		n++
	}
	return n, true
}
