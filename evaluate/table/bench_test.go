package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/nextbest/nextbest/ope"
)

// benchCSV returns rows of six columns with numbers of full precision, as evaluation logs have them.
func benchCSV(rows int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString("action,reward,pscore,pi_e,q_logged,q_pi_e\n")
	for range rows {
		fmt.Fprintf(&b, "%d,%d,%v,%v,%.4f,%v\n", random.IntN(50), random.IntN(2), 1-random.Float64(), random.Float64(),
			random.Float64(), random.Float64())
	}
	return b.Bytes()
}

func compress(t testing.TB, name string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch filepath.Ext(name) {
	case ".gz":
		w = gzip.NewWriter(&b)
	case ".zst":
		encoder, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w = encoder
	default:
		return text
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// writeFile writes a file into a folder of the test, compressed as its name says.
func writeFile(t testing.TB, name string, text []byte) (path string) {
	t.Helper()
	return writeRaw(t, name, compress(t, name, text))
}

func writeRaw(t testing.TB, name string, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func BenchmarkNext(b *testing.B) {
	const rows = 200_000
	for _, name := range []string{"rows.csv", "rows.csv.gz", "rows.csv.zst"} {
		b.Run(name, func(b *testing.B) { benchNext(b, writeFile(b, name, benchCSV(rows))) })
	}
}

// benchNext opens the file again after the last row.
func benchNext(b *testing.B, path string) {
	table := open(b, path, Options{})
	var s ope.Sample
	b.ReportAllocs()
	for b.Loop() {
		err := table.Next(&s)
		if errors.Is(err, io.EOF) {
			if err := table.Close(); err != nil {
				b.Fatal(err)
			}
			table = open(b, path, Options{})
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

func open(t testing.TB, path string, options Options) *Table {
	t.Helper()
	table, err := Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	})
	return table
}

func BenchmarkFormats(b *testing.B) {
	all := records(50_000)
	for _, path := range writeFormats(b, all) {
		if ext := filepath.Ext(path); ext == ".csv" || ext == ".ndjson" || ext == ".parquet" {
			b.Run(filepath.Base(path), func(b *testing.B) { benchNext(b, path) })
		}
	}
	b.Run("rows.dsjson", func(b *testing.B) {
		benchNext(b, writeFile(b, "rows.dsjson", bytes.Repeat([]byte(dsjsonLine+"\n"), 50_000)))
	})
}

// A row allocates nothing, once its actions have been seen.
func TestRowsDoNotAllocate(t *testing.T) {
	all := records(8_000)
	paths := append(writeFormats(t, all), writeFile(t, "rows.csv", benchCSV(8_000)),
		writeFile(t, "rows.dsjson", bytes.Repeat([]byte(dsjsonLine+"\n"), 8_000)))
	for _, path := range paths {
		table := open(t, path, Options{})
		var s ope.Sample
		next := func() {
			if err := table.Next(&s); err != nil {
				t.Fatal(err)
			}
		}
		for range 1000 { // Buffers grow to their size.
			next()
		}
		// Parquet allocates with every page, not with every row.
		if got := testing.AllocsPerRun(5_000, next); got >= 1 {
			t.Errorf("%s: %v allocations a row", filepath.Base(path), got)
		}
	}
}
