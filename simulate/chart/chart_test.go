package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"

	"github.com/nextbest/nextbest/simulate"
)

func result(uniform, best float64, rewards ...float64) *simulate.Result {
	r := &simulate.Result{Uniform: uniform, BestConstant: best}
	sum := 0.0
	for i, x := range rewards {
		sum += x
		r.Curve = append(r.Curve, simulate.Bin{End: 10 * (i + 1), Reward: x, Average: sum / float64(i+1)})
	}
	return r
}

func picture(title string, results ...*simulate.Result) Picture {
	return Picture{Title: title, X: "rounds", Policies: []Policy{{Name: "a & b", Seeds: results}, {Name: "<c>", Seeds: results}}}
}

func svg(t *testing.T, p Picture) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.SVG(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wellFormed fails for texts that were not escaped.
func wellFormed(t *testing.T, document string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(document))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestSVG(t *testing.T) {
	p := picture(`files/<script>"x" & y`, result(0.1, 0.5, 0, 0.25, 1, 1, 1), result(0.1, 0.5, 0, 0, 0.75, 1, 1))
	drawn := svg(t, p)
	wellFormed(t, drawn)
	if drawn != svg(t, p) {
		t.Error("the second drawing differs")
	}
	for _, want := range []string{"&lt;script&gt;", "a &amp; b", "&lt;c&gt;", "uniform choice", "best single action", "average reward so far", "sans-serif"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
	// In two plots of two policies, each of two seeds has a line beside the mean's.
	single := svg(t, picture("x", result(0.1, 0.5, 0, 0.25, 1, 1, 1)))
	if n := strings.Count(drawn, "<path") - strings.Count(single, "<path"); n < 7 || n > 9 { // a tick more or less
		t.Errorf("two seeds have %d paths more than one", n)
	}
}

func TestFlatCurvesAreDrawn(t *testing.T) {
	for _, r := range []*simulate.Result{result(0, 0, 0), result(0, 0, 0, 0, 0), result(1e6, 1e6, 1e6), result(-1, 1e-9, 1e-9, 2e-9)} {
		wellFormed(t, svg(t, picture("flat", r)))
	}
}

func TestSeedsOfDifferentLengthsAreAveraged(t *testing.T) {
	p := Policy{Seeds: []*simulate.Result{result(0, 0, 1, 1, 1), result(0, 0, 0, 0)}}
	mean := p.mean(func(r *simulate.Result) []simulate.Bin { return r.Curve })
	if len(mean) != 2 || mean[1] != (simulate.Bin{End: 20, Reward: 0.5, Average: 0.5}) {
		t.Errorf("%+v", mean)
	}
}

// TestUsersAreDrawn: results that are told by user have one plot more.
func TestUsersAreDrawn(t *testing.T) {
	with := result(0.1, 0.5, 0, 0.25, 1, 1, 1)
	with.Users = &simulate.UsersResult{Curve: result(0, 0, 0, 0.5, 1).Curve}
	drawn := svg(t, picture("users", with))
	wellFormed(t, drawn)
	if without := svg(t, picture("users", result(0.1, 0.5, 0, 0.25, 1, 1, 1))); !strings.Contains(drawn, "first decisions of each user") ||
		strings.Contains(without, "of each user") {
		t.Error("the users' decisions are not drawn where they are known")
	}
}

func TestPartsKeepTheSum(t *testing.T) {
	got := parts([]simulate.Bin{{End: 1, Reward: 4}, {End: 3, Reward: 1}, {End: 4, Reward: 0}, {End: 5, Reward: 4}, {End: 10, Reward: 3}})
	if len(got) != 2 || got[0] != (plotter.XY{X: 5, Y: 2}) || got[1] != (plotter.XY{X: 10, Y: 3}) {
		t.Errorf("%v", got)
	}
}

func TestTicksAreRound(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{{0, 1, "0 0.2 0.4 0.6 0.8 1"}, {1, 20_000, "5000 10000 15000 20000"}, {-0.05, 0.3, "-0.05 0 0.05 0.1 0.15 0.2 0.25 0.3"}, {-3, 4e6, "0 1e+06 2e+06 3e+06 4e+06"}} {
		var labels []string
		for _, tick := range (roundTicks{}).Ticks(c.low, c.high) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); !strings.HasPrefix(got, c.want) || len(labels) > 9 {
			t.Errorf("%g to %g: %s", c.low, c.high, got)
		}
	}
}

func TestHTML(t *testing.T) {
	p := picture("<b>title</b>", result(0.1, 0.5, 0, 1))
	var b bytes.Buffer
	if err := p.HTML(&b, Table{Header: []string{"policy", "<i>"}, Rows: [][]string{{"all rounds", "0.5"}}}); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if strings.Contains(page, "<b>title") || strings.Contains(page, "<i>") || strings.Contains(page, "<?xml") {
		t.Error("texts are not escaped")
	}
	if strings.Count(page, "<svg") != 1 || !strings.Contains(page, "<td>all rounds</td><td>0.5</td>") {
		t.Error("the table or the picture is missing")
	}
	for _, outside := range []string{"src=", "href=", "@import", "url("} {
		if strings.Contains(page, outside) {
			t.Errorf("the page needs something else: %s", outside)
		}
	}
}
