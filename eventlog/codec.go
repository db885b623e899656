package eventlog

import (
	"errors"

	"github.com/klauspost/compress/s2"
)

// codec says how a block's payload is stored. The numbers are part of the format.
type codec uint8

const (
	codecNone codec = 0
	codecS2   codec = 1
	lastCodec       = codecS2
)

// Below minCompress a block is not worth compressing; above it, compression has to save an eighth to be kept.
const minCompress = 256

// compressor compresses payloads, for one goroutine.
type compressor struct{}

// compress appends raw to b, compressed when that pays, and says how.
func (c *compressor) compress(b, raw []byte) ([]byte, codec) {
	if len(raw) < minCompress {
		return append(b, raw...), codecNone
	}
	start := len(b)
	b = grow(b, s2.MaxEncodedLen(len(raw)))
	encoded := s2.Encode(b[start:cap(b)], raw)
	if len(encoded) > len(raw)-len(raw)/8 {
		return append(b[:start], raw...), codecNone
	}
	return b[:start+len(encoded)], codecS2
}

// grow returns b with room for n more bytes behind its length.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return append(make([]byte, 0, len(b)+n+len(b)/2), b...)
}

var errPayload = errors.New("the block's payload does not decode to what its header says")

// decompress returns the raw payload of a block whose checksum held. The result is in dst's memory, or in stored's.
func decompress(dst []byte, h *blockHeader, stored []byte) ([]byte, error) {
	if h.codec == codecNone {
		if len(stored) != int(h.raw) {
			return nil, errPayload
		}
		return stored, nil
	}
	if n, err := s2.DecodedLen(stored); err != nil || n != int(h.raw) {
		return nil, errPayload
	}
	raw, err := s2.Decode(dst[:cap(dst)], stored)
	if err != nil || len(raw) != int(h.raw) {
		return nil, errPayload
	}
	return raw, nil
}
