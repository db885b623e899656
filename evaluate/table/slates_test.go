package table

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/ope"
)

const allOfSlates = ope.HasSlateProbabilities | ope.HasItemProbabilities | ope.HasCascadeProbabilities | ope.HasSlateModel

// readSlates reads a table of slates to its end.
func readSlates(path string, options Options) (slates [][]ope.SlateRow, table *Table, err error) {
	options.Slates = true
	table, err = Open(path, options)
	if err != nil {
		return nil, nil, err
	}
	for {
		var slate []ope.SlateRow
		if slate, err = table.NextSlate(); err != nil {
			break
		}
		slates = append(slates, slices.Clone(slate))
	}
	closing := table.Close()
	if err == io.EOF {
		err = closing
	}
	return slates, table, err
}

// slatesSlowly reads CSV by package encoding/csv, and starts a slate wherever its name changes.
func slatesSlowly(t *testing.T, text []byte) (slates [][]ope.SlateRow) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	last := ""
	for _, row := range rows[1:] {
		cell := func(name string) string { return row[slices.Index(rows[0], name)] }
		number := func(name string) float64 {
			x, err := strconv.ParseFloat(cell(name), 64)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		if !slices.Contains(actions, cell("action")) {
			actions = append(actions, cell("action"))
		}
		name := cell("slate_id")
		r := ope.SlateRow{Slate: xxhash.Sum64String(name), ItemPropensity: number("pscore_item_position"),
			ItemTarget: number("eval_pscore_item_position"), CascadePropensity: number("pscore_cascade"),
			CascadeTarget: number("eval_pscore_cascade")}
		r.Sample = ope.Sample{Action: slices.Index(actions, cell("action")), Reward: number("reward"), Propensity: number("pscore"),
			Target: number("eval_pscore"), QLogged: number("q_logged"), QTarget: number("q_pi_e"),
			Position: int(number("position")), Unit: r.Slate, Kept: 1}
		if name != last {
			slates = append(slates, nil)
		}
		slates[len(slates)-1], last = append(slates[len(slates)-1], r), name
	}
	return slates
}

func TestSlatesAreReadAsTheTwinReadsThem(t *testing.T) {
	const path = "testdata/slate01.csv.gz"
	want := slatesSlowly(t, unzip(t, path))
	got, table, err := readSlates(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("slates (-want +got):\n%s", diff)
	}
	if len(got) != 100 || table.Rows() != 300 || table.SlateColumns() != allOfSlates {
		t.Errorf("%d slates of %d rows with columns %b", len(got), table.Rows(), table.SlateColumns())
	}
}

// slot is a row of slates as Parquet has it.
type slot struct {
	Slate         string  `parquet:"slate" json:"slate"`
	Position      int32   `parquet:"position" json:"position"`
	Action        string  `parquet:"action" json:"action"`
	Reward        float64 `parquet:"reward" json:"reward"`
	PScore        float64 `parquet:"pscore" json:"pscore"`
	PScoreCascade float64 `parquet:"p_c" json:"p_c"`
	EvalCascade   float64 `parquet:"eval_pscore_cascade" json:"eval_pscore_cascade"`
}

// Slates of any length are the same in whichever format they come.
func TestSlatesOfAllFormats(t *testing.T) {
	var rows []slot
	text := [2]strings.Builder{}
	text[0].WriteString("slate,position,action,reward,pscore,p_c,eval_pscore_cascade\n")
	for i := range 500 {
		for l := range 1 + i%4 {
			r := slot{fmt.Sprintf("s%d", i), int32(l), fmt.Sprintf("a%d", l+i%3), float64(i), 0.5, 1 / float64(l+2), 1 / float64(i+1)}
			rows = append(rows, r)
			fmt.Fprintf(&text[0], "%s,%d,%s,%v,%v,%v,%v\n", r.Slate, r.Position, r.Action, r.Reward, r.PScore, r.PScoreCascade, r.EvalCascade)
			fmt.Fprintf(&text[1], `{"slate":%q,"position":%d,"action":%q,"reward":%v,"pscore":%v,"p_c":%v,"eval_pscore_cascade":%v}`+"\n",
				r.Slate, r.Position, r.Action, r.Reward, r.PScore, r.PScoreCascade, r.EvalCascade)
		}
	}
	renamed := Options{Columns: map[string]string{"pscore_cascade": "p_c"}}
	var first [][]ope.SlateRow
	for _, path := range []string{
		writeFile(t, "rows.csv", []byte(text[0].String())), writeFile(t, "rows.ndjson.zst", []byte(text[1].String())),
		writeFile(t, "rows.parquet", asParquet(t, rows)),
	} {
		got, table, err := readSlates(path, renamed)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if diff := cmp.Diff(first, got); diff != "" || len(got) != 500 || len(got[7]) != 4 || table.Rows() != int64(len(rows)) {
			t.Errorf("%s: %d slates (-first +got):\n%s", path, len(got), diff)
		}
		if got := table.SlateColumns(); got != ope.HasCascadeProbabilities { // pscore alone, without eval_pscore, is no pair.
			t.Errorf("%s: columns %b", path, got)
		}
		if slot := got[9][1]; slot.CascadePropensity != 1.0/3 || slot.CascadeTarget != 0.1 || slot.Reward != 9 {
			t.Errorf("%s: %+v", path, slot)
		}
	}
}

// slateGarbage are tables of slates that are refused, with what is said about them.
var slateGarbage = []struct{ name, text, want string }{
	{"rows.csv", "slate_id,position,reward\na,0,1\na,2,1\n", ":3: column position: slot 2 of the slate does not fit: want position 1"},
	{"rows.csv", "slate_id,position,reward\na,0,1\na,0,1\n", ":3: column position: slot 0 of the slate does not fit: want position 1"},
	{"rows.csv", "slate_id,position,reward\na,0,1\nb,1,1\n", ":3: column position: slot 1 of the slate does not fit: want position 0"},
	{"rows.csv", "slate_id,position,reward\na,1,1\n", ":2: column position: slot 1 of the slate does not fit: want position 0"},
	{"rows.csv", "slate,position,reward\na,0,1\nb,0,1\na,0,1\n",
		":4: column slate: the slate comes back after another: want the rows of a slate one after the other"},
	{"rows.csv", "slate,position,reward\na,0,1\nb,0,1\na,1,1\n",
		":4: column slate: the slate comes back after another: want the rows of a slate one after the other"},
	{"rows.csv", "slate_id,position,reward,pscore,eval_pscore\na,0,1,0.5,0.5\na,1,1,0.4,0.5\n",
		":3: column pscore: slot 1 of the slate does not fit: pscore differs from the slate's first row; want those of the whole slate"},
	{"rows.csv", "slate_id,position,reward,pscore,eval_pscore\na,0,1,0.5,0.5\na,1,1,0.5,0\n",
		":3: column eval_pscore: slot 1 of the slate does not fit: eval_pscore differs from the slate's first row; want those of the whole slate"},
	{"rows.csv", "slate_id,position,reward,pscore_cascade,eval_pscore_cascade\na,0,1,0,0.5\n",
		":2: column pscore_cascade: 0 is not a probability in (0,1]"},
	{"rows.csv", "slate_id,position,reward,pscore_item_position,eval_pscore_item_position\na,0,1,0.5,2\n",
		":2: column eval_pscore_item_position: 2 is not a probability in [0,1]"},
	{"rows.csv", "slate_id,position,reward,pscore_item_position\na,0,1,none\n", `:2: column pscore_item_position: "none" is not a number`},
	{"rows.csv", "slate_id,position,reward\na,0,NaN\n", ":2: column reward: NaN is not a number between -1e70 and 1e70"},
	{"rows.csv", "slate_id,position,reward\n,0,1\n", ":2: column slate_id: no value"},
	{"rows.csv", "slate_id,position,reward\na,0.5,1\n", ":2: column position: 0.5 is not a whole number from 0 to 65535"},
	{"rows.csv", "slate_id,position,reward\n", ": there are no rows"},
	{"rows.csv", "position,reward\n", ":1: there is no column slate_id; there are position, reward"},
	{"rows.csv", "slate_id,reward\n", ":1: there is no column position; there are slate_id, reward"},
	{"rows.csv", "slate_id,position\n", ":1: there is no column reward; there are slate_id, position"},
	{"rows.csv", "slate_id,position,reward,kept\n", ":1: the column kept is not heeded where rows are slots of slates: " +
		"slates are taken as all kept, and as independent of each other; leave the column out where that is so"},
	{"rows.ndjson", `{"slate_id":1,"position":0,"reward":1}` + "\n" + `{"slate_id":1,"position":3,"reward":1}`,
		":2: column position: slot 3 of the slate does not fit: want position 1"},
	{"rows.dsjson", "{}\n", ": decision service JSON has no slates to read: make a table of slots"},
}

func TestGarbageOfSlatesIsRefused(t *testing.T) {
	for _, c := range slateGarbage {
		path := writeFile(t, c.name, []byte(c.text))
		_, _, err := readSlates(path, Options{})
		if err == nil {
			t.Errorf("%q was read", c.text)
		} else if got := err.Error(); got != path+c.want {
			t.Errorf("%q:\ngot  %s\nwant %s", c.text, got, path+c.want)
		}
	}
	path := writeFile(t, "rows.parquet", asParquet(t, []slot{{Slate: "a", Action: "b"}, {Slate: "a", Action: "b", Position: 5}}))
	if _, _, err := readSlates(path, Options{}); err == nil || !strings.Contains(err.Error(), ": row 2: column position: slot 5") {
		t.Errorf("error %v of a Parquet row that does not fit", err)
	}
}

func TestSlatesAndDecisionsAreReadApart(t *testing.T) {
	text := "unit,position,reward,pscore_cascade\na,0,1,of no use\na,1,1,here\n"
	if samples, _, err := readAll(writeFile(t, "rows.csv", []byte(text)), Options{}); err != nil || len(samples) != 2 {
		t.Errorf("columns of slates disturb decisions: %v", err)
	}
	path := writeFile(t, "rows.csv", []byte("unit,position,reward\na,0,1\na,1,1\n"))
	if _, _, err := readSlates(path, Options{Columns: map[string]string{"slate_id": "unit"}}); err != nil {
		t.Errorf("a slate cannot be called unit: %v", err)
	}
	if _, err := Open(path, Options{Columns: map[string]string{"slate_id": "unit"}}); err == nil {
		t.Error("a slate was renamed where rows are decisions")
	}
	if _, err := Open(writeFile(t, "rows.csv", []byte("slate_id,position,reward,action\n")), Options{Slates: true, Target: Uniform}); err == nil {
		t.Error("a policy told from the log was taken for slates")
	}
	table := open(t, "testdata/slate01.csv.gz", Options{Slates: true})
	if err := table.Next(new(ope.Sample)); !errors.Is(err, errSlates) {
		t.Errorf("error %v of a row where slates are read", err)
	}
}

// Errors stay, and after Close there is another.
func TestErrorsOfSlatesStay(t *testing.T) {
	table, err := Open(writeFile(t, "rows.csv", []byte("slate_id,position,reward\na,0,1\na,1,x\na,2,1\n")), Options{Slates: true})
	if err != nil {
		t.Fatal(err)
	}
	_, first := table.NextSlate()
	if _, again := table.NextSlate(); first == nil || again != first {
		t.Errorf("errors %v and then %v", first, again)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := table.NextSlate(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v after Close", err)
	}
}

// Only the last slates are remembered.
func TestRememberedSlatesAreBounded(t *testing.T) {
	a := &assembling{seen: map[uint64]struct{}{}}
	for id := range uint64(mostRemembered + 10) {
		if err := a.follow(id); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.seen) != mostRemembered {
		t.Errorf("%d are remembered", len(a.seen))
	}
	if err := a.follow(10); err == nil {
		t.Error("the oldest of those remembered came back")
	}
	if err := a.follow(9); err != nil {
		t.Errorf("one that was forgotten was refused: %v", err)
	}
	if err := a.follow(math.MaxUint64); err != nil {
		t.Error(err)
	}
}
