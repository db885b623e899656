package batch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func decidedRows(from, to int64) []Decided {
	var rows []Decided
	for n := from; n < to; n++ {
		d := Decided{Row: n, UserID: fmt.Sprint("u-", n), EventID: fmt.Sprint("c:u-", n), ActionID: "a", Probability: 0.25, Arm: "main", SnapshotID: "1-x"}
		switch n % 3 {
		case 1:
			d.SendAt, d.SendAtText = 1_700_000_000_000+n, "2023-11-14T22:13:20Z"
		case 2:
			d = Decided{Row: n, UserID: "q\"uo,te\n", Reason: "ROW", Detail: "line 3: \"x\"\nis wrong"}
		}
		rows = append(rows, d)
	}
	return rows
}

// A plan that is stopped after any of its parts, whatever else was left there, becomes the plan that it would have been.
func TestAPlanGoesOn(t *testing.T) {
	in := Input{Size: 7, SHA256: "s", Request: "r"}
	for _, ext := range []string{".parquet", ".csv", ".ndjson"} {
		t.Run(ext, func(t *testing.T) {
			write := func(path string, stops bool) {
				p, err := OpenPlan(path, in, false)
				if err != nil {
					t.Fatal(err)
				}
				for p.Rows() < 50 {
					if err := p.Add(decidedRows(p.Rows()+1, p.Rows()+11)); err != nil {
						t.Fatal(err)
					}
					if stops {
						next := p.part(p.state.Parts + 1)
						if err := errors.Join(os.WriteFile(next, []byte("half a part"), 0o600), os.WriteFile(p.manifest()+".tmp", []byte("{"), 0o600)); err != nil {
							t.Fatal(err)
						}
						if p, err = OpenPlan(path, in, false); err != nil {
							t.Fatal(err)
						}
					}
				}
				if c := p.Counts(); c.Decided != 33 || c.Errors != 17 || c.Reasons["ROW"] != 17 {
					t.Errorf("counts %+v", c)
				}
				if err := p.Finish(); err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(path + ".parts"); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the parts are still there: %v", err)
				}
			}
			one, other := filepath.Join(t.TempDir(), "plan"+ext), filepath.Join(t.TempDir(), "plan"+ext)
			write(one, false)
			write(other, true)
			a, err := os.ReadFile(one)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(other)
			if err != nil {
				t.Fatal(err)
			}
			if string(a) != string(b) {
				t.Errorf("the plans differ")
			}
			if left, err := filepath.Glob(filepath.Join(filepath.Dir(one), "*")); err != nil || len(left) != 1 {
				t.Errorf("beside the plan: %v, %v", left, err)
			}
		})
	}
}

func TestTheParquetHasWhatWasDecided(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan.parquet")
	p, err := OpenPlan(path, Input{}, false)
	if err != nil {
		t.Fatal(err)
	}
	want := decidedRows(1, 31)
	for from := 0; from < 30; from += 10 {
		if err := p.Add(want[from : from+10]); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	got, err := parquet.ReadFile[Decided](path)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	for i := range got {
		want[i].SendAtText = "" // not a column
		if got[i] != want[i] {
			t.Errorf("row %d: %+v, want %+v", i+1, got[i], want[i])
		}
	}
}

func TestPartsOfAnotherPlanAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan.csv")
	in := Input{Size: 7, SHA256: "s", Request: "spring"}
	p, err := OpenPlan(path, in, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Add(decidedRows(1, 11)); err != nil {
		t.Fatal(err)
	}
	for _, other := range []Input{{Size: 8, SHA256: "s", Request: "spring"}, {Size: 7, SHA256: "t", Request: "spring"}, {Size: 7, SHA256: "s", Request: "summer"}} {
		if _, err := OpenPlan(path, other, false); !errors.Is(err, ErrOther) || !strings.Contains(err.Error(), "spring") {
			t.Errorf("%+v: %v", other, err)
		}
	}
	if p, err = OpenPlan(path, in, false); err != nil || p.Rows() != 10 {
		t.Errorf("the plan itself: %v", err)
	}
	if p, err = OpenPlan(path, Input{Request: "summer"}, true); err != nil || p.Rows() != 0 {
		t.Errorf("begun again: %v", err)
	}
	if _, err := OpenPlan("plan.xlsx", in, false); err == nil {
		t.Error("a plan in a format that there is not")
	}
	if err := os.WriteFile(p.manifest(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPlan(path, in, false); !errors.Is(err, ErrOther) {
		t.Errorf("a manifest that cannot be read: %v", err)
	}
}
