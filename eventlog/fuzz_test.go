package eventlog

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
)

// FuzzScanner reads any bytes as a segment. What it finds and what it reports as damage cover the bytes exactly, blocks
// rise in position, and every block read is one that this program would have written.
func FuzzScanner(f *testing.F) {
	for _, path := range segmentFiles(f, goldenDir) {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(append(append([]byte(nil), b[:len(b)/3]...), b[len(b)/3+100:]...))
	}
	f.Add([]byte(nil))
	f.Add([]byte(blockMagic + blockMagic + segmentMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		header, err := parseSegmentHeader(b)
		g := &segment{name: "fuzz", header: header, whole: err == nil}
		scan := g.scanner(bytes.NewReader(b), min(segmentHeaderBytes, int64(len(b))), header.first, int64(len(b)))
		at, last := scan.offset, header.first
		scan.damaged = func(d Damage) {
			if d.Offset != at || d.Bytes <= 0 {
				t.Fatalf("damage %+v at %d", d, at)
			}
			at += d.Bytes
		}
		var memory []byte
		for {
			block, tail, err := scan.scan()
			if errors.Is(err, io.EOF) {
				if tail != nil {
					scan.damaged(*tail)
				}
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if block.offset != at || block.first < last {
				t.Fatalf("block of position %d at %d, after %d at %d", block.first, block.offset, last, at)
			}
			again := make([]byte, blockHeaderBytes)
			block.put(again)
			if !bytes.Equal(again, b[at:at+blockHeaderBytes]) {
				t.Fatalf("the header at %d has other bytes than its fields", at)
			}
			at, last = at+block.size(), block.end()
			if !block.seal() {
				memory, _, _ = block.records(memory)
			}
		}
		if at != max(int64(len(b)), min(segmentHeaderBytes, int64(len(b)))) {
			t.Fatalf("%d bytes of %d are accounted for", at, len(b))
		}
	})
}
