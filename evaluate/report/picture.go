package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Colours of estimates and of the logging policy, told apart by the colour-blind too (Okabe and Ito, 2008).
func blue() color.RGBA   { return color.RGBA{0, 114, 178, 255} }
func orange() color.RGBA { return color.RGBA{213, 94, 0, 255} }

const (
	pictureWidth = 22 * vg.Centimeter
	rowHeight    = 0.9 * vg.Centimeter
	axisHeight   = 2 * vg.Centimeter
	driftHeight  = 8 * vg.Centimeter
	margin       = vg.Centimeter / 4
)

// interval is a horizontal or vertical bar with a point in it.
type interval struct{ at, value, lower, upper float64 }

// forest draws the estimates under each other, each with its interval, and the logging policy's value as a line.
func (p *Policy) forest() (template.HTML, error) {
	out := newPlot("reward per decision")
	out.HideY()
	rows := p.Estimates
	var names []string
	for i := range rows {
		e := &rows[len(rows)-1-i]
		names = append(names, e.Name)
		if e.Value == nil {
			continue
		}
		if err := addBar(out, interval{float64(i), *e.Value, or(e.Lower, *e.Value), or(e.Upper, *e.Value)}, true); err != nil {
			return "", err
		}
	}
	out.NominalY(names...)
	if v := p.Diagnostics.Logger.Value; v != nil {
		line, err := plotter.NewLine(plotter.XYs{{X: *v, Y: -0.5}, {X: *v, Y: float64(len(rows)) - 0.5}})
		if err != nil {
			return "", fmt.Errorf("draw the logging policy: %w", err)
		}
		line.LineStyle = draw.LineStyle{Color: orange(), Width: 1.5, Dashes: []vg.Length{4, 3}}
		out.Add(line)
	}
	out.Y.Min, out.Y.Max = -0.5, float64(len(rows))-0.5
	return svg(out, axisHeight+rowHeight*vg.Length(len(rows)))
}

// drift draws the mean reward of equal parts of the log.
func (p *Policy) drift() (template.HTML, error) {
	out := newPlot("decisions")
	out.Y.Label.Text = "mean logged reward"
	n := 0.0
	for _, part := range p.Diagnostics.Drift {
		at := n + part.N/2
		n += part.N
		if part.Mean == nil {
			continue
		}
		half := 1.96 * or(part.StandardError, 0)
		if err := addBar(out, interval{at, *part.Mean, *part.Mean - half, *part.Mean + half}, false); err != nil {
			return "", err
		}
	}
	return svg(out, driftHeight)
}

func or(x *float64, otherwise float64) float64 {
	if x == nil {
		return otherwise
	}
	return *x
}

func newPlot(x string) *plot.Plot {
	out := plot.New()
	out.X.Label.Text = x
	for _, style := range []*text.Style{&out.X.Label.TextStyle, &out.Y.Label.TextStyle, &out.X.Tick.Label, &out.Y.Tick.Label} {
		style.Font.Variant = "Sans"
	}
	out.Add(plotter.NewGrid())
	return out
}

func addBar(to *plot.Plot, i interval, horizontal bool) error {
	turn := func(at, value float64) plotter.XY {
		if horizontal {
			return plotter.XY{X: value, Y: at}
		}
		return plotter.XY{X: at, Y: value}
	}
	line, err := plotter.NewLine(plotter.XYs{turn(i.at, i.lower), turn(i.at, i.upper)})
	if err != nil {
		return fmt.Errorf("draw an interval: %w", err)
	}
	line.LineStyle = draw.LineStyle{Color: blue(), Width: 2}
	point, err := plotter.NewScatter(plotter.XYs{turn(i.at, i.value)})
	if err != nil {
		return fmt.Errorf("draw an estimate: %w", err)
	}
	point.GlyphStyle = draw.GlyphStyle{Color: blue(), Radius: 4, Shape: draw.CircleGlyph{}}
	to.Add(line, point)
	return nil
}

// widen leaves room beside what is farthest out.
func widen(a *plot.Axis) {
	room := (a.Max - a.Min) / 40
	a.Min, a.Max = a.Min-room, a.Max+room
}

// svg returns the picture as it stands in a page.
func svg(p *plot.Plot, height vg.Length) (template.HTML, error) {
	widen(&p.X)
	widen(&p.Y)
	canvas := vgsvg.New(pictureWidth, height)
	p.Draw(draw.Crop(draw.New(canvas), margin, -margin, margin, -margin))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", fmt.Errorf("draw: %w", err)
	}
	drawing := b.Bytes()
	if at := bytes.Index(drawing, []byte("<svg")); at > 0 { // An XML declaration has no place in a page.
		drawing = drawing[at:]
	}
	// The font that texts were measured with is not everywhere; these are as wide. vgsvg escapes the texts.
	return template.HTML(bytes.ReplaceAll(drawing, []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))), nil
}
