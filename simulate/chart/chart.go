// Package chart draws what simulated policies earned over their rounds: as SVG, or as one HTML page with the picture
// and tables in it that needs nothing else. The same results give the same bytes.
package chart

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/nextbest/nextbest/simulate"
)

// Picture is one drawing: all policies over the same world.
type Picture struct {
	Title    string
	X        string // what the horizontal axis counts
	Policies []Policy
}

// Policy is a policy's curves: a thin line for each seed and a thick one for their mean.
type Policy struct {
	Name  string
	Seeds []*simulate.Result // at least one, with curves of the same bins
}

const (
	width  = 22 * vg.Centimeter
	height = 24 * vg.Centimeter
)

// palette tells lines apart for the colour-blind too (Okabe and Ito, 2008).
func palette(i int) color.RGBA {
	colors := [...]color.RGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
		{230, 159, 0, 255}, {86, 180, 233, 255}}
	return colors[i%len(colors)]
}

// SVG writes the picture: above the average reward from the first round on, below that within each part of the run, and
// where results are told by user, that of each user's first decisions.
func (p *Picture) SVG(w io.Writer) error {
	svg := vgsvg.New(width, height)
	if err := p.draw(svg); err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := svg.WriteTo(&b); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	// The font that texts were measured with is not everywhere; these are as wide.
	if _, err := w.Write(bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

func (p *Picture) draw(on vg.CanvasSizer) error {
	var plots [][]*plot.Plot
	for _, view := range p.views() {
		one, err := p.plot(view)
		if err != nil {
			return err
		}
		plots = append(plots, []*plot.Plot{one})
	}
	plots[0][0].Title.Text = p.Title
	canvas := draw.New(on)
	strip := vg.Length(len(p.Policies)+3) * 15
	tiles := draw.Tiles{Rows: len(plots), Cols: 1, PadY: vg.Centimeter / 2, PadTop: 6, PadBottom: strip, PadLeft: 6, PadRight: 24}
	canvases := plot.Align(plots, tiles, canvas)
	legend := plots[0][0].Legend
	legend.Left, legend.Padding = true, 2
	for i := range plots {
		plots[i][0].Legend = plot.NewLegend()
		plots[i][0].Draw(canvases[i][0])
	}
	legend.Draw(draw.Crop(canvas, vg.Centimeter, 0, 0, strip-height))
	return nil
}

// view is what one plot shows of the runs.
type view struct {
	x, y string
	bins func(*simulate.Result) []simulate.Bin
	of   curve
}

func (p *Picture) views() []view {
	run := func(r *simulate.Result) []simulate.Bin { return r.Curve }
	views := []view{{p.X, "average reward so far", run, points}, {p.X, "reward in each part", run, parts}}
	if u := p.Policies[0].Seeds[0].Users; u != nil && len(u.Curve) > 1 {
		users := func(r *simulate.Result) []simulate.Bin { return r.Users.Curve }
		views = append(views, view{"first decisions of each user", "average reward of them", users, points})
	}
	return views
}

// curve picks what a plot shows of a run.
type curve func([]simulate.Bin) plotter.XYs

func (p *Picture) plot(v view) (*plot.Plot, error) {
	out := plot.New()
	out.X.Label.Text, out.Y.Label.Text = v.x, v.y
	out.X.Tick.Marker, out.Y.Tick.Marker = roundTicks{}, roundTicks{}
	for _, style := range []*text.Style{&out.Title.TextStyle, &out.X.Label.TextStyle, &out.Y.Label.TextStyle,
		&out.X.Tick.Label, &out.Y.Tick.Label, &out.Legend.TextStyle} {
		style.Font.Variant = "Sans"
	}
	out.Add(plotter.NewGrid())
	for i, policy := range p.Policies {
		if err := policy.add(out, palette(i), v); err != nil {
			return nil, fmt.Errorf("draw %s: %w", policy.Name, err)
		}
	}
	return out, p.addReferences(out, v)
}

func (p *Policy) add(to *plot.Plot, c color.RGBA, v view) error {
	if len(p.Seeds) > 1 {
		for _, r := range p.Seeds {
			if err := addLine(to, "", v.of(v.bins(r)), draw.LineStyle{Color: faint(c), Width: 0.5}); err != nil {
				return err
			}
		}
	}
	return addLine(to, p.Name, v.of(p.mean(v.bins)), draw.LineStyle{Color: c, Width: 1.5})
}

// mean averages the seeds' curves bin by bin. Replays by rejection end after different numbers of rounds, in as many
// bins: their ends are averaged too.
func (p *Policy) mean(of func(*simulate.Result) []simulate.Bin) []simulate.Bin {
	n := len(of(p.Seeds[0]))
	for _, r := range p.Seeds {
		n = min(n, len(of(r)))
	}
	out, seeds := make([]simulate.Bin, n), float64(len(p.Seeds))
	for i := range out {
		for _, r := range p.Seeds {
			b := of(r)[i]
			out[i] = simulate.Bin{End: out[i].End + b.End, Reward: out[i].Reward + b.Reward/seeds, Average: out[i].Average + b.Average/seeds}
		}
		out[i].End /= len(p.Seeds)
	}
	return out
}

func faint(c color.RGBA) color.Color { return color.NRGBA{c.R, c.G, c.B, 90} }

// points returns the average from the first round on, after each bin.
func points(bins []simulate.Bin) plotter.XYs {
	out := make(plotter.XYs, len(bins))
	for i, b := range bins {
		out[i] = plotter.XY{X: float64(b.End), Y: b.Average}
	}
	return out
}

// parts returns the average within every four bins, less noisy than one's.
func parts(bins []simulate.Bin) plotter.XYs {
	var out plotter.XYs
	end := 0
	for group := range slices.Chunk(bins, 4) {
		begin, sum := end, 0.0
		for _, b := range group {
			sum += b.Reward * float64(b.End-end)
			end = b.End
		}
		out = append(out, plotter.XY{X: float64(end), Y: sum / float64(end-begin)})
	}
	return out
}

func addLine(to *plot.Plot, name string, at plotter.XYs, style draw.LineStyle) error {
	l, err := plotter.NewLine(at)
	if err != nil {
		return err
	}
	l.LineStyle = style
	to.Add(l)
	if name != "" {
		to.Legend.Add(name, l)
	}
	return nil
}

// addReferences adds level lines for what needs no learning.
func (p *Picture) addReferences(to *plot.Plot, v view) error {
	seeds := p.Policies[0].Seeds
	var uniform, best float64
	for _, r := range seeds {
		uniform += r.Uniform / float64(len(seeds))
		best += r.BestConstant / float64(len(seeds))
	}
	curve := v.bins(seeds[0])
	from, until := float64(curve[0].End), float64(curve[len(curve)-1].End)
	for _, line := range []struct {
		name   string
		level  float64
		dashes []vg.Length
	}{{"uniform choice", uniform, []vg.Length{2, 3}}, {"best single action, in hindsight", best, []vg.Length{7, 3}}} {
		style := draw.LineStyle{Color: color.Gray{90}, Width: 1, Dashes: line.dashes}
		if err := addLine(to, line.name, plotter.XYs{{X: from, Y: line.level}, {X: until, Y: line.level}}, style); err != nil {
			return err
		}
	}
	return nil
}

// roundTicks are at most about eight multiples of 1, 2 or 5 times a power of ten.
type roundTicks struct{}

// Ticks implements plot.Ticker.
func (roundTicks) Ticks(low, high float64) []plot.Tick {
	if !(high > low) {
		return plot.DefaultTicks{}.Ticks(low, high)
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/8)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if (high-low)/(factor*step) <= 8 {
			step *= factor
			break
		}
	}
	var out []plot.Tick
	// + 0 makes 0 of -0, which would be written so.
	for i := math.Ceil(low/step) + 0; i*step <= high+step/1e9; i++ {
		out = append(out, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step, 'g', 6, 64)})
	}
	return out
}
