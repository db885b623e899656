package report_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/evaluate/report"
	"github.com/nextbest/nextbest/evaluate/table"
	"github.com/nextbest/nextbest/ope"
)

// patient is a context that is done after it was asked a number of times.
type patient struct {
	context.Context
	asked, patience int
}

func (p *patient) Err() error {
	if p.asked++; p.asked > p.patience {
		return context.Canceled
	}
	return nil
}

// Few rows ask once while they are read, so the context ends in the bootstrap, or for slates in one of its bootstraps.
func TestBootstrapStopsWithItsContext(t *testing.T) {
	rows := writeTable(t, 100)
	slates := filepath.Join(t.TempDir(), "slates.csv")
	text := "slate_id,position,reward,pscore_cascade,eval_pscore_cascade\n"
	for _, id := range strings.Fields("a b c d e f g h") {
		text += id + ",0,1,0.5,0.4\n" + id + ",1,0,0.25,0.3\n"
	}
	if err := os.WriteFile(slates, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{rows, slates} {
		ctx := &patient{Context: t.Context(), patience: 10}
		c := choices(t, map[string]string{rows: "snips", slates: "rips"}[path])
		c.Options = ope.Options{Method: ope.Resampled, Bootstrap: ope.Bootstrap{Rounds: ope.MostRounds}}
		d, err := makeOf(t, ctx, path, c, path == slates)
		if !errors.Is(err, context.Canceled) || d != nil {
			t.Errorf("%s: document %v, error %v", filepath.Base(path), d, err)
		}
		if ctx.asked > 100 {
			t.Errorf("%s: went on for %d rounds", filepath.Base(path), ctx.asked)
		}
	}
}

func choices(t *testing.T, estimator string) report.Choices {
	t.Helper()
	specs, err := ope.ParseEstimators([]string{estimator}, math.NaN())
	if err != nil {
		t.Fatal(err)
	}
	return report.Choices{Specs: specs}
}

func makeOf(t *testing.T, ctx context.Context, path string, c report.Choices, slates bool) (*report.Document, error) {
	t.Helper()
	from, err := table.Open(path, table.Options{Slates: slates})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	if slates {
		return report.MakeSlates(ctx, report.Slates{Table: from, Path: path}, c)
	}
	return report.Make(ctx, &report.TableRows{Table: from, Path: path}, c)
}

// A range that the loop states, which nobody gave, refuses nothing.
func TestRewardsOutsideTheGivenRangeAreRefused(t *testing.T) {
	for _, file := range []struct{ name, text, line string }{
		{"rows.csv", "paid,pscore,pi_e\n0,0.5,0.5\n1.5,0.5,0.5\n", ":3"},
		{"rows.ndjson", `{"paid":0,"pscore":1,"pi_e":1}` + "\n" + `{"paid":1.5,"pscore":1,"pi_e":1}` + "\n", ":2"},
	} {
		path := filepath.Join(t.TempDir(), file.name)
		if err := os.WriteFile(path, []byte(file.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, given := range []bool{false, true} {
			from, err := table.Open(path, table.Options{Columns: map[string]string{"reward": "paid"}})
			if err != nil {
				t.Fatal(err)
			}
			c := choices(t, "ips")
			c.Options.Rewards, c.RewardsGiven = ope.Range{Least: 0, Most: 1}, given
			_, err = report.Make(t.Context(), &report.TableRows{Table: from, Path: path}, c)
			want := path + file.line + ": column paid: 1.5 is not between 0 and 1, as --reward-min and --reward-max say"
			if given != (err != nil) || given && err.Error() != want {
				t.Errorf("%s, given %v: error %v", file.name, given, err)
			}
			if err := from.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
