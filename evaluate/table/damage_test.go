package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/nextbest/nextbest/ope"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A file cut off anywhere is refused, and what was read before is a start of what there is. Text that is not compressed can
// only be told to be cut off within a line.
func TestCutOffFilesAreRefused(t *testing.T) {
	all := records(200)
	want, _ := slowly(t, asCSV(t, all))
	for _, path := range writeFormats(t, all) {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		for length := 0; length < len(whole); length += stride(length, len(whole)) {
			if isText(name) && (whole[length] == '\n' || length > 0 && whole[length-1] == '\n') {
				continue
			}
			checkDamaged(t, writeRaw(t, name, whole[:length]), want, fmt.Sprintf("cut to %d bytes", length))
		}
	}
}

// stride goes in steps to the end of a file, and there byte by byte: a compressed file may lack no more than its checksum.
func stride(length, whole int) int {
	if length >= whole-10 {
		return 1
	}
	return min(1+whole/97, whole-10-length)
}

func isText(name string) bool {
	return strings.HasSuffix(name, ".csv") || strings.HasSuffix(name, ".ndjson")
}

func checkDamaged(t *testing.T, path string, want []ope.Sample, how string) {
	t.Helper()
	table, err := Open(path, Options{})
	if err != nil {
		return
	}
	defer table.Close()
	for i := 0; ; i++ {
		var s ope.Sample
		if err = table.Next(&s); err != nil {
			break
		}
		if diff := cmp.Diff(want[i], s); diff != "" {
			t.Fatalf("%s, %s: row %d (-want +got):\n%s", filepath.Base(path), how, i+1, diff)
		}
	}
	if errors.Is(err, io.EOF) {
		t.Errorf("%s, %s, was read as if it were whole", filepath.Base(path), how)
	}
}

func TestCutOffCompressionIsCalledThat(t *testing.T) {
	for _, name := range []string{"rows.csv.gz", "rows.csv.zst"} {
		whole := compress(t, name, []byte("reward\n1\n"))
		// At which line is a matter of how much was decompressed before.
		_, _, err := readAll(writeRaw(t, name, whole[:len(whole)-1]), Options{})
		if want := ": the compressed file is cut off"; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: error %v, want ... %s", name, err, want)
		}
	}
}

// Whatever bytes are changed, reading ends, with an error or without; a Parquet file or one compressed makes no panic.
func TestDamagedFilesMakeNoPanic(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, path := range writeFormats(t, records(150)) {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			damaged := bytes.Clone(whole)
			for range 1 + random.IntN(4) {
				damaged[random.IntN(len(damaged))] ^= byte(1 << random.IntN(8))
			}
			checkValid(t, writeRaw(t, filepath.Base(path), damaged))
		}
	}
}

// checkValid reads a file as far as it can be: each row is valid, or an *Error says where it is not.
func checkValid(t *testing.T, path string) {
	t.Helper()
	samples, table, err := readAll(path, Options{})
	if err != nil {
		if bad, ok := err.(*Error); !ok || bad.Path != path {
			t.Errorf("%s: the error says no place: %v", filepath.Base(path), err)
		}
		return
	}
	for i := range samples {
		if err := samples[i].Check(table.Columns()); err != nil {
			t.Errorf("%s: row %d was read: %v", filepath.Base(path), i+1, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	all := records(5)
	dsjson := []byte(dsjsonLine + "\n")
	names := []string{"rows.csv", "rows.csv.gz", "rows.csv.zst", "rows.ndjson", "rows.dsjson", "rows.parquet"}
	for i, text := range [][]byte{asCSV(f, all), asCSV(f, all), asCSV(f, all), asNDJSON(f, all), dsjson, asParquet(f, all)} {
		f.Add(i, compress(f, names[i], text))
	}
	for _, c := range garbage {
		for i, name := range names {
			if name == c.name {
				f.Add(i, []byte(c.text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, format int, content []byte) {
		if format >= 0 && format < len(names) {
			checkValid(t, writeRaw(t, names[format], content))
		}
	})
}

// A line of 10 MB is refused without being held.
func TestLongLinesAreRefused(t *testing.T) {
	long := bytes.Repeat([]byte("7"), 10<<20)
	for name, text := range map[string][]byte{
		"rows.csv":    append([]byte("reward,action\n1,"), long...),
		"rows.csv.gz": append(append([]byte("reward,"), long...), "\n1,2\n"...),
		"rows.ndjson": fmt.Appendf(nil, "{\"reward\":1}\n{\"reward\":%s}\n", long),
		"rows.dsjson": fmt.Appendf(nil, "{\"_label_cost\":%s}\n", long),
	} {
		_, _, err := readAll(writeFile(t, name, text), Options{})
		if !errors.Is(err, errLongLine) {
			t.Errorf("%s: error %v, want %v", name, err, errLongLine)
		}
	}
	quoted := append([]byte("reward,action\n1,\""), bytes.Repeat([]byte("7\n"), 5<<20)...)
	if _, _, err := readAll(writeFile(t, "rows.csv", quoted), Options{}); !errors.Is(err, errNotClosed) {
		t.Errorf("quoted: error %v, want %v", err, errNotClosed)
	}
	// Between the buffer's length and the bound, lines are read.
	fits := fmt.Appendf(nil, "reward,a\n1,%s\n2,b\n", long[:1<<20])
	if samples, _, err := readAll(writeFile(t, "rows.csv", fits), Options{}); err != nil || len(samples) != 2 {
		t.Errorf("%d samples, error %v", len(samples), err)
	}
}

func TestTooManyActionsAreRefused(t *testing.T) {
	var names actionNames
	for i := range mostActions {
		if n, err := names.number(strconv.AppendInt(nil, int64(i), 10)); n != i || err != nil {
			t.Fatalf("action %d has number %d, error %v", i, n, err)
		}
	}
	_, err := names.number([]byte("one more"))
	if want := "there are more than 1048576 different actions"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if n, err := names.number([]byte("7")); n != 7 || err != nil {
		t.Errorf("action 7 has number %d, error %v", n, err)
	}
}

// Closing before the end stops what decompresses, which TestMain would see.
func TestCloseEarly(t *testing.T) {
	for _, path := range writeFormats(t, records(20_000)) {
		table := open(t, path, Options{})
		var s ope.Sample
		if err := table.Next(&s); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := table.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := table.Next(&s); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Next after Close: error %v", err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none.csv"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	folder := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(folder, Options{}); err == nil || err.Error() != folder+": this is not a file" {
		t.Errorf("a folder: %v", err)
	}
}
