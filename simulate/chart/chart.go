// Package chart draws what simulated policies earned over their rounds: as SVG, or as one HTML page with the picture
// and tables in it that needs nothing else. The same results give the same bytes.
package chart

import (
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
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

// SVG writes the picture: above the average reward from the first round on, below that within each part of the run.
func (p *Picture) SVG(w io.Writer) error {
	running, err := p.plot(p.Title, "average reward so far", func(b simulate.Bin) float64 { return b.Average })
	if err != nil {
		return err
	}
	within, err := p.plot("", "reward in each part", func(b simulate.Bin) float64 { return b.Reward })
	if err != nil {
		return err
	}
	svg := vgsvg.New(width, height)
	tiles := draw.Tiles{Rows: 2, Cols: 1, PadY: vg.Centimeter / 2, PadTop: 4, PadBottom: 4, PadLeft: 4, PadRight: 12}
	plots := [][]*plot.Plot{{running}, {within}}
	canvases := plot.Align(plots, tiles, draw.New(svg))
	running.Draw(canvases[0][0])
	within.Draw(canvases[1][0])
	if _, err := svg.WriteTo(w); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

func (p *Picture) plot(title, y string, value func(simulate.Bin) float64) (*plot.Plot, error) {
	out := plot.New()
	out.Title.Text, out.X.Label.Text, out.Y.Label.Text = title, p.X, y
	out.Add(plotter.NewGrid())
	out.Legend.Top = false
	for i, policy := range p.Policies {
		if err := policy.add(out, palette(i), value); err != nil {
			return nil, fmt.Errorf("draw %s: %w", policy.Name, err)
		}
	}
	return out, p.addReferences(out)
}

func (p *Policy) add(to *plot.Plot, c color.RGBA, value func(simulate.Bin) float64) error {
	if len(p.Seeds) > 1 {
		for _, r := range p.Seeds {
			if err := addLine(to, "", points(r.Curve, value), draw.LineStyle{Color: faint(c), Width: 0.5}); err != nil {
				return err
			}
		}
	}
	mean := points(p.Seeds[0].Curve, value)
	for i := range mean {
		mean[i].Y = 0
		for _, r := range p.Seeds {
			mean[i].Y += value(r.Curve[min(i, len(r.Curve)-1)]) / float64(len(p.Seeds))
		}
	}
	return addLine(to, p.Name, mean, draw.LineStyle{Color: c, Width: 1.5})
}

func faint(c color.RGBA) color.Color { return color.NRGBA{c.R, c.G, c.B, 90} }

func points(curve []simulate.Bin, value func(simulate.Bin) float64) plotter.XYs {
	out := make(plotter.XYs, len(curve))
	for i, b := range curve {
		out[i] = plotter.XY{X: float64(b.End), Y: value(b)}
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
func (p *Picture) addReferences(to *plot.Plot) error {
	seeds := p.Policies[0].Seeds
	var uniform, best float64
	for _, r := range seeds {
		uniform += r.Uniform / float64(len(seeds))
		best += r.BestConstant / float64(len(seeds))
	}
	curve := seeds[0].Curve
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
