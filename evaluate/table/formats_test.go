package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/nextbest/nextbest/ope"
)

// record is a row as the Parquet files of these tests have it, with every kind of column that is read.
type record struct {
	Ignored   []float64 `parquet:"ignored,list"`
	Action    string    `parquet:"action,dict"`
	Reward    *float64  `parquet:"reward,optional"`
	PScore    float64   `parquet:"pscore"`
	PiE       float64   `parquet:"pi_e"`
	QLogged   float64   `parquet:"q_logged"`
	QPiE      float64   `parquet:"q_pi_e"`
	Position  int32     `parquet:"position"`
	Stratum   uint8     `parquet:"stratum"`
	PScoreAvg float64   `parquet:"pscore_avg"`
	Unit      int64     `parquet:"unit"`
}

func records(n int) []record {
	all := make([]record, n)
	for i := range all {
		reward := float64(i%7) / 7
		all[i] = record{Ignored: make([]float64, i%3), Action: fmt.Sprintf("offer, %d \"é\"", i*i%5), Reward: &reward,
			PScore: float64(i+1) / float64(n+1), PiE: float64(i) / float64(n), QLogged: 0.1 * float64(i), QPiE: -0.2,
			Position: int32(i % 4), Stratum: uint8(i % 3), PScoreAvg: 1 / float64(i+1), Unit: int64(i / 2)}
	}
	return all
}

// asText returns the columns that are read, as text.
func (r *record) asText() []string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	return []string{r.Action, number(*r.Reward), number(r.PScore), number(r.PiE), number(r.QLogged), number(r.QPiE),
		fmt.Sprint(r.Position), fmt.Sprint(r.Stratum), number(r.PScoreAvg), fmt.Sprint(r.Unit)}
}

var recordHeader = strings.Split("action,reward,pscore,pi_e,q_logged,q_pi_e,position,stratum,pscore_avg,unit", ",")

func asCSV(t testing.TB, all []record) []byte {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{recordHeader}
	for _, r := range all {
		rows = append(rows, r.asText())
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asNDJSON(t testing.TB, all []record) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, r := range all {
		members := map[string]any{"nested": map[string]any{"reward": []int{1, 2}}}
		for i, cell := range r.asText() {
			members[recordHeader[i]] = json.RawMessage(cell)
		}
		members["action"] = r.Action
		line, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}

// asParquet writes row groups and pages of odd sizes.
func asParquet[T any](t testing.TB, all []T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.MaxRowsPerRowGroup(377), parquet.PageBufferSize(1000),
		parquet.Compression(&parquet.Zstd))
	if _, err := w.Write(all); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeFormats(t testing.TB, all []record) (paths []string) {
	t.Helper()
	text := map[string][]byte{"csv": asCSV(t, all), "ndjson": asNDJSON(t, all)}
	for _, format := range slices.Sorted(maps.Keys(text)) {
		for _, compression := range []string{"", ".gz", ".zst"} {
			paths = append(paths, writeFile(t, "rows."+format+compression, text[format]))
		}
	}
	return append(paths, writeFile(t, "rows.parquet", asParquet(t, all)))
}

// Rows are the same in whichever format they come.
func TestFormatsAgree(t *testing.T) {
	all := records(2000)
	want, actions := slowly(t, asCSV(t, all))
	for _, path := range writeFormats(t, all) {
		got, table, err := readAll(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: samples (-want +got):\n%s", filepath.Base(path), diff)
		}
		if diff := cmp.Diff(actions, table.Actions()); diff != "" {
			t.Errorf("%s: actions (-want +got):\n%s", filepath.Base(path), diff)
		}
		const given = ope.HasAction | ope.HasPropensity | ope.HasTarget | ope.HasModel | ope.HasPosition | ope.HasStratum |
			ope.HasMeanPropensity | ope.HasUnit
		if table.Columns() != given {
			t.Errorf("%s: columns %b, want %b", filepath.Base(path), table.Columns(), given)
		}
	}
}

func TestRenamedColumns(t *testing.T) {
	path := writeFile(t, "rows.csv", []byte("reward,r,p,pscore_avg\n9,1,0.5,0.25\n"))
	got, table, err := readAll(path, Options{Columns: map[string]string{"reward": "r", "pscore": "p", "kept": "p"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []ope.Sample{{Reward: 1, Propensity: 0.5, Kept: 0.5, MeanPropensity: 0.25}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if want := ope.HasPropensity | ope.HasKept | ope.HasMeanPropensity; table.Columns() != want {
		t.Errorf("columns %b, want %b", table.Columns(), want)
	}
}

func TestWrongRenamesAreRefused(t *testing.T) {
	for _, c := range []struct {
		ours, theirs, want string
	}{
		{"reward", "clicks", `:1: there is no column "clicks" to be read as reward; there are reward, p`},
		{"propensity", "p", `:1: "propensity" cannot be renamed: it is none of the columns that are read, action, reward, ` +
			`pscore, pi_e, q_logged, q_pi_e, unsupported, position, pscore_avg, stratum, p_e_pi_b, p_e_pi_e, kept, unit`},
	} {
		path := writeFile(t, "rows.csv", []byte("reward,p\n1,0.5\n"))
		_, err := Open(path, Options{Columns: map[string]string{c.ours: c.theirs}})
		if err == nil || err.Error() != path+c.want {
			t.Errorf("error %v\nwant %s", err, path+c.want)
		}
	}
	_, err := Open(writeFile(t, "rows.dsjson", []byte("{}")), Options{Columns: map[string]string{"reward": "r"}})
	if err == nil || !strings.HasSuffix(err.Error(), "decision service JSON has no columns to rename") {
		t.Errorf("dsjson: error %v", err)
	}
}

// A refusal names the file's column, not ours, and is repeated.
func TestErrorsArePlacedAndStay(t *testing.T) {
	path := writeFile(t, "rows.csv", []byte("reward,\"my\np\"\n1,1\n1,2\n1,1\n"))
	_, err := Open(path, Options{Columns: map[string]string{"pscore": "my\np"}})
	if err == nil {
		t.Fatal("a header with a line end in a name was read")
	}
	path = writeFile(t, "rows.csv", []byte("reward,p,a\n1,1,\"x\ny\"\n1,2,z\n1,1,z\n"))
	table := open(t, path, Options{Columns: map[string]string{"pscore": "p"}})
	var s ope.Sample
	if err := table.Next(&s); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := table.Next(&s)
		want := Error{Path: path, Line: 4, Column: "p"}
		got, ok := err.(*Error)
		if !ok || got.Path != want.Path || got.Line != want.Line || got.Column != want.Column {
			t.Errorf("error %v, want one at %v", err, want)
		}
	}
}

func TestProgressGrowsToTheEnd(t *testing.T) {
	for _, path := range writeFormats(t, records(3000)) {
		table := open(t, path, Options{})
		var s ope.Sample
		last := int64(0)
		for table.Next(&s) == nil {
			done, total := table.Progress()
			if done < last || done > total {
				t.Fatalf("%s: %d of %d after %d", filepath.Base(path), done, total, last)
			}
			last = done
		}
		if done, total := table.Progress(); done != total || total == 0 {
			t.Errorf("%s: %d of %d at the end", filepath.Base(path), done, total)
		}
	}
}
