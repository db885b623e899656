package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

// documented reads the table of columns of docs/log-export.md: names and types.
func documented(t *testing.T) (columns [][2]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "docs", "log-export.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(b), "| column | type | meaning |\n|---|---|---|\n")
	if !ok {
		t.Fatal("no table of columns")
	}
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			return columns
		}
		columns = append(columns, [2]string{strings.Trim(cells[1], " `"), strings.TrimSpace(cells[2])})
	}
	return columns
}

// typeNames are how the documentation calls the types of Row's fields.
func typeNames() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[string](): "text", reflect.TypeFor[int32](): "int32", reflect.TypeFor[int64](): "int64",
		reflect.TypeFor[float64](): "double", reflect.TypeFor[*float64](): "double or null", reflect.TypeFor[bool](): "boolean",
		reflect.TypeFor[time.Time](): "timestamp", reflect.TypeFor[[]string](): "list of text",
		reflect.TypeFor[[]float64](): "list of double", reflect.TypeFor[json.RawMessage](): "JSON",
	}
}

// The columns that are documented are those that are written, in all formats, in the same order.
func TestColumnsAreDocumented(t *testing.T) {
	columns := documented(t)
	names := make([]string, len(columns))
	row := reflect.TypeFor[Row]()
	if len(columns) != row.NumField() {
		t.Fatalf("%d columns are documented, there are %d", len(columns), row.NumField())
	}
	for i, c := range columns {
		names[i] = c[0]
		field := row.Field(i)
		tag, _, _ := strings.Cut(field.Tag.Get("parquet"), ",")
		if tag != c[0] || field.Tag.Get("json") != c[0] || typeNames()[field.Type] != c[1] {
			t.Errorf("%s: documented as %s %s", field.Name, c[0], c[1])
		}
	}
	var written []string
	for _, f := range parquetRoot(t).Fields() {
		written = append(written, f.Name())
	}
	if diff := cmp.Diff(names, written); diff != "" {
		t.Errorf("Parquet: %s", diff)
	}
	var b bytes.Buffer
	e, err := newEncoder(CSV, &b)
	if err != nil || e.close() != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Join(names, ",")+"\n", b.String()); diff != "" {
		t.Errorf("CSV: %s", diff)
	}
}

// parquetRoot is the schema of a file that was written.
func parquetRoot(t *testing.T) *parquet.Column {
	t.Helper()
	var b bytes.Buffer
	e, err := newEncoder(Parquet, &b)
	if err == nil {
		err = e.write([]Row{{EventID: "e", Context: json.RawMessage("{}"), UserFeatures: json.RawMessage("{}")}})
	}
	if err != nil || e.close() != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := f.Lookup("nextbest.schema"); v != schemaVersion {
		t.Errorf("schema version %q", v)
	}
	return f.Root()
}

// NDJSON and CSV have the rows that Parquet has, to the bit.
func TestFormatsAgree(t *testing.T) {
	w := playedWorld(t, 400)
	o := w.options(t.TempDir())
	export(t, o)
	want := tables(t, o.Out)
	for format, read := range map[Format]func(*testing.T, string) []Row{NDJSON: readNDJSON, CSV: readCSV} {
		o.Out, o.Format = t.TempDir(), format
		export(t, o)
		got := map[string][]Row{}
		for _, name := range files(t, o.Out) {
			got[filepath.Dir(name)] = read(t, filepath.Join(o.Out, name))
		}
		for _, rows := range got {
			for i := range rows { // Parquet has no empty lists in Go: they are read as nil.
				dropEmpty(&rows[i].ExcludedActions)
				dropEmpty(&rows[i].ExcludedReasons)
			}
		}
		for _, rows := range want {
			for i := range rows {
				dropEmpty(&rows[i].ExcludedActions)
				dropEmpty(&rows[i].ExcludedReasons)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
	}
}

func dropEmpty(list *[]string) {
	if len(*list) == 0 {
		*list = nil
	}
}

func readNDJSON(t *testing.T, path string) (rows []Row) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	for {
		var r Row
		if err := d.Decode(&r); err == io.EOF {
			return rows
		} else if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
}

// readCSV reads each row as the JSON document that its cells are the members of.
func readCSV(t *testing.T, path string) (rows []Row) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, c := range documented(t) {
		types[c[0]] = c[1]
	}
	for _, cells := range all[1:] {
		members := map[string]json.RawMessage{}
		for i, cell := range cells {
			switch name := all[0][i]; types[name] {
			case "text", "timestamp":
				members[name], err = json.Marshal(cell)
			case "double or null":
				members[name] = json.RawMessage(cell)
				if cell == "" {
					members[name] = json.RawMessage("null")
				}
			default:
				members[name] = json.RawMessage(cell)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		b, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		var r Row
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatalf("%s: %v", cells, err)
		}
		rows = append(rows, r)
	}
	return rows
}
