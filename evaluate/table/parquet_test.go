package table

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/ope"
)

func TestParquetRowsAreRefusedWithTheirPlace(t *testing.T) {
	for want, change := range map[string]func(*record){
		": row 700: column reward: no value":                                   func(r *record) { r.Reward = nil },
		": row 700: column pscore: 1.5 is not a probability in (0,1]":          func(r *record) { r.PScore = 1.5 },
		": row 700: column position: -1 is not a whole number from 0 to 65535": func(r *record) { r.Position = -1 },
		": row 700: column action: no value":                                   func(r *record) { r.Action = "" },
		`: row 700: column action: "\xff" is not UTF-8`:                        func(r *record) { r.Action = "\xff" },
	} {
		all := records(1000)
		change(&all[699])
		path := writeFile(t, "rows.parquet", asParquet(t, all))
		samples, _, err := readAll(path, Options{})
		if err == nil || err.Error() != path+want || len(samples) != 699 {
			t.Errorf("%d samples, error %v\nwant %s", len(samples), err, want)
		}
	}
	path := writeFile(t, "rows.parquet", asParquet(t, records(0)))
	if _, _, err := readAll(path, Options{}); err == nil || err.Error() != path+": there are no rows" {
		t.Errorf("no rows: error %v", err)
	}
}

// Names are those that the number's decimal text would have in other formats.
func TestParquetIntegersAsNames(t *testing.T) {
	type row struct {
		Action uint64  `parquet:"action"`
		Unit   int32   `parquet:"unit"`
		Reward float32 `parquet:"reward"`
	}
	path := writeFile(t, "rows.parquet", asParquet(t, []row{{1<<64 - 1, -7, 0.5}, {3, 8, 1}}))
	got, table, err := readAll(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := slowly(t, []byte("action,unit,reward\n18446744073709551615,-7,0.5\n3,8,1\n"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"18446744073709551615", "3"}, table.Actions()); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	if want := ope.HasAction | ope.HasUnit; table.Columns() != want {
		t.Errorf("columns %b, want %b", table.Columns(), want)
	}
}

func refused[T any](t *testing.T, want string) {
	t.Helper()
	_, err := Open(writeFile(t, "rows.parquet", asParquet(t, make([]T, 3))), Options{})
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error %v\nwant ... %s", err, want)
	}
}

// The stored value of a decimal or a date is not the one meant.
func TestParquetTypesAreChecked(t *testing.T) {
	refused[struct {
		Reward int64 `parquet:"reward,decimal(2:12)"`
	}](t, "column reward: it is of type DECIMAL(12,2), want a number")
	refused[struct {
		Reward time.Time `parquet:"reward,timestamp"`
	}](t, "want a number")
	refused[struct {
		Reward bool `parquet:"reward"`
	}](t, "column reward: it is of type BOOLEAN, want a number")
	refused[struct {
		Reward string `parquet:"reward"`
	}](t, "column reward: it is of type STRING, want a number")
	refused[struct {
		Reward float64 `parquet:"reward"`
		Action float64 `parquet:"action"`
	}](t, "column action: it is of type DOUBLE, want a string or a number")
	refused[struct {
		Reward []float64 `parquet:"reward"`
	}](t, "column reward: it holds more than one value a row")
	refused[struct {
		Action string `parquet:"action"`
	}](t, "there is no column reward; there are action")
}
