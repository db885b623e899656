package table

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"github.com/nextbest/nextbest/ope"
)

// slowly reads samples with encoding/csv: the slow obvious twin of csvSource.
func slowly(t testing.TB, text []byte) (samples []ope.Sample, actions []string) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		s := ope.Sample{Kept: 1}
		for i, title := range rows[0] {
			x, _ := strconv.ParseFloat(row[i], 64) // NaN and errors are for other tests.
			switch title {
			case "action":
				if !slices.Contains(actions, row[i]) {
					actions = append(actions, row[i])
				}
				s.Action = slices.Index(actions, row[i])
			case "unit", "slate", "slate_id":
				s.Unit = xxhash.Sum64String(row[i])
			case "reward":
				s.Reward = x
			case "pscore":
				s.Propensity = x
			case "pi_e":
				s.Target = x
			case "q_logged":
				s.QLogged = x
			case "q_pi_e":
				s.QTarget = x
			case "unsupported":
				s.Unsupported = x
			case "position":
				s.Position = int(x)
			case "pscore_avg":
				s.MeanPropensity = x
			case "stratum":
				s.Stratum = int(x)
			case "p_e_pi_b":
				s.MarginalPropensity = x
			case "p_e_pi_e":
				s.MarginalTarget = x
			case "kept":
				s.Kept = x
			}
		}
		samples = append(samples, s)
	}
	return samples, actions
}

// referenceFiles are those of testdata and, where NEXTBEST_REFERENCE names its folder, of the whole reference.
func referenceFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.csv.gz")
	if err != nil || len(files) != 5 {
		t.Fatalf("testdata has %d files, error %v", len(files), err)
	}
	if folder := os.Getenv("NEXTBEST_REFERENCE"); folder != "" {
		more, err := filepath.Glob(filepath.Join(folder, "ope", "*", "*", "rows.csv.gz"))
		if err != nil || len(more) == 0 {
			t.Fatalf("no rows.csv.gz in %s, error %v", folder, err)
		}
		files = append(files, more...)
	}
	return files
}

func unzip(t *testing.T, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReferenceFilesAreReadAsTheTwinReadsThem(t *testing.T) {
	for _, path := range referenceFiles(t) {
		text := unzip(t, path)
		want, wantActions := slowly(t, text)
		got, table, err := readAll(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: samples (-want +got):\n%s", path, diff)
		}
		if diff := cmp.Diff(wantActions, table.Actions()); diff != "" {
			t.Errorf("%s: actions (-want +got):\n%s", path, diff)
		}
		if got := table.Rows(); got != int64(len(want)) {
			t.Errorf("%s: %d rows counted, want %d", path, got, len(want))
		}
	}
}

func TestColumnsOfTheReference(t *testing.T) {
	for name, want := range map[string]ope.Columns{
		"s01":     ope.HasAction | ope.HasPropensity | ope.HasTarget | ope.HasModel,
		"obd":     ope.HasAction | ope.HasPropensity | ope.HasTarget | ope.HasModel | ope.HasPosition,
		"multi01": ope.HasAction | ope.HasPropensity | ope.HasTarget | ope.HasModel | ope.HasMeanPropensity | ope.HasStratum,
		"mips01":  ope.HasAction | ope.HasPropensity | ope.HasTarget | ope.HasMarginals,
		"slate01": ope.HasAction | ope.HasPropensity | ope.HasModel | ope.HasPosition | ope.HasUnit,
	} {
		if got := open(t, "testdata/"+name+".csv.gz", Options{}).Columns(); got != want {
			t.Errorf("%s: columns %b, want %b", name, got, want)
		}
	}
}

// splitAll splits a text with the splitter of this package, whether its rows are quoted or not.
func splitAll(text []byte) (rows [][]string, err error) {
	var q quotedRow
	for l := (&lines{r: bufio.NewReaderSize(bytes.NewReader(text), 16)}); ; { // Short, so that lines are longer.
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		if err := q.split(line, l); err != nil {
			return nil, err
		}
		rows = append(rows, q.strings())
	}
}

// sameAsTwin compares the splitter with encoding/csv, on texts where both mean the same to do: encoding/csv also takes CR
// LF, a last line without an end, and empty lines, which it skips.
func sameAsTwin(t *testing.T, text []byte) {
	t.Helper()
	if !bytes.HasSuffix(text, []byte("\n")) || bytes.HasPrefix(text, []byte("\n")) || bytes.Contains(text, []byte("\n\n")) ||
		bytes.Contains(text, []byte("\r")) {
		return
	}
	got, err := splitAll(text)
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	want, wantErr := r.ReadAll()
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q: error %v, encoding/csv has %v", text, err, wantErr)
	}
	if diff := cmp.Diff(want, got); err == nil && diff != "" {
		t.Fatalf("%q: cells (-encoding/csv +got):\n%s", text, diff)
	}
}

func TestSplitterAgainstTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	alphabet := []string{"a", ",", `"`, `""`, "\n", "7", `",`, `,"`, "\"\n", "é"}
	for range 30_000 {
		var b strings.Builder
		for range 1 + random.IntN(12) {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		b.WriteString("\n")
		sameAsTwin(t, []byte(b.String()))
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"a,b\n", "\"a\"\"b\",c\n", "\"a\nb\",\n", "a\"b\n", "\"a\"b\n", "\"a\n", ",\n", "\"\",\"\"\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(sameAsTwin)
}
