package eventlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/nextbest/nextbest/decision"
)

func mustOpen(t testing.TB, dir string, o Options) (*Log, Recovery) {
	t.Helper()
	l, r, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, r
}

func mustAppend(t testing.TB, l *Log, payload string, d decision.Durability) Position {
	t.Helper()
	pos, err := l.Append(context.Background(), []byte(payload), d)
	if err != nil {
		t.Fatalf("append %q: %v", payload, err)
	}
	return pos
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// record is a record as a test compares it.
type record struct {
	pos     Position
	payload string
}

// readAll returns every record from a position on.
func readAll(t testing.TB, l *Log, from Position) []record {
	t.Helper()
	r := l.NewReader(from)
	defer r.Close()
	var out []record
	for {
		pos, b, err := r.TryNext()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, record{pos, string(b)})
	}
}

// readDir is readAll of a directory that is not written to.
func readDir(t testing.TB, dir string) []record {
	t.Helper()
	l, _, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return readAll(t, l, 0)
}

func payloads(rs []record) []string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = r.payload
	}
	return out
}

// copyDir copies a directory's files as they are, as a crash would leave them.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// segmentFiles returns the paths of a directory's segments in order.
func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func numbered(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("record %d", i))
	}
	return out
}

// resumHeader puts the right checksum under a segment header that a test changed.
func resumHeader(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b[:40], crc32.Checksum(b[:40], castagnoli))
}
