package report

import (
	"fmt"
	"html/template"
	"io"
)

const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Off-policy evaluation of {{.Title}}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0 }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .75rem; text-align: left }
svg { max-width: 100%; height: auto }
figure { margin: 1rem 0 }
figcaption { color: #555 }
.verdict { border-left: 6px solid #009e73; padding: .5rem 1rem; background: #f4f8f6 }
.refused { border-color: #d55e00; background: #fbf3ee }
</style>
</head>
<body>
<h1>Off-policy evaluation of {{.Title}}</h1>
<p>{{.Rows}} decisions were evaluated. Intervals miss with probability {{.Alpha}}.</p>
{{with .Gate}}<p class="verdict{{if not .Passed}} refused{{end}}">Gate {{if .Passed}}passed{{else}}failed{{end}}: {{.Reason}}.</p>{{end}}
{{range .Policies}}<section>
<h2>{{if .Name}}{{.Name}}{{else}}The evaluated policy{{end}}</h2>
<div class="verdict{{if not .Verdict.Answers}} refused{{end}}">
<p><strong>{{if .Verdict.Answers}}The log can answer.{{else}}The log cannot answer.{{end}}</strong></p>
{{with .Verdict.Refusals}}<ul>{{range .}}<li>{{.}}</li>{{end}}</ul>{{end}}
{{with .Verdict.Advice}}<p>{{.}}</p>{{end}}
{{with .Verdict.Warnings}}<ul>{{range .}}<li>{{.}}</li>{{end}}</ul>{{end}}
</div>
{{with .Estimates}}<table>
<tr><th>estimator</th><th>value</th><th>lower</th><th>upper</th><th>interval</th></tr>
{{range .}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}</table>{{end}}
<figure>{{.Forest}}<figcaption>Estimates with their intervals. The dashed line is what the logging policy earned.</figcaption></figure>
<table>
{{range .Diagnostics}}<tr><th>{{index . 0}}</th><td>{{index . 1}}</td></tr>
{{end}}</table>
<figure>{{.Drift}}<figcaption>Mean logged reward over the log, with its 95% interval.</figcaption></figure>
</section>
{{end}}</body>
</html>
`

// pagePolicy is a policy as the page shows it.
type pagePolicy struct {
	Name          string
	Verdict       Verdict
	Estimates     [][]string
	Diagnostics   [][2]string
	Forest, Drift template.HTML
}

// HTML writes a page that needs no other file.
func (d *Document) HTML(w io.Writer) error {
	parsed, err := template.New("page").Parse(page)
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	shown := struct {
		Title    string
		Rows     int64
		Alpha    float64
		Gate     *Gate
		Policies []pagePolicy
	}{d.Source.title(), d.Source.decisions(), d.Alpha, d.Gate, nil}
	for _, p := range d.All() {
		one, err := p.page()
		if err != nil {
			return err
		}
		shown.Policies = append(shown.Policies, one)
	}
	if err := parsed.Execute(w, shown); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

func (s *Source) title() string {
	if s.Table != "" {
		return s.Table
	}
	return "loop " + s.Loop
}

// decisions is how many were evaluated.
func (s *Source) decisions() int64 {
	if s.Slates > 0 {
		return s.Slates
	}
	return s.Rows
}

func (p *Policy) page() (out pagePolicy, err error) {
	out = pagePolicy{Name: p.Name, Verdict: p.Verdict, Diagnostics: p.Diagnostics.lines()}
	for _, e := range p.rows() {
		out.Estimates = append(out.Estimates, e.cells())
	}
	for _, s := range p.Slots {
		for _, e := range s.Estimates {
			e.Name = fmt.Sprintf("slot %d: %s", s.Position, e.Name)
			out.Estimates = append(out.Estimates, e.cells())
		}
	}
	if out.Forest, err = p.forest(); err != nil {
		return out, err
	}
	out.Drift, err = p.drift()
	return out, err
}

func (e *Estimate) cells() []string {
	if e.NotComputable != "" {
		return []string{e.Name, "not computable", "", "", e.NotComputable}
	}
	return []string{e.Name, number(e.Value), number(e.Lower), number(e.Upper), e.Interval}
}

func (d *Diagnostics) lines() [][2]string {
	return [][2]string{
		{"decisions", fmt.Sprintf("%.0f", d.N)},
		{"units, such as users", number(d.Units)},
		{"effective sample", number(d.EffectiveSample)},
		{"effective sample that the policies make expect", number(d.ExpectedSample)},
		{"mean weight, which should be 1", number(d.MeanWeight) + " ± " + number(d.MeanWeightError)},
		{"largest weight", number(d.MostWeight)},
		{"share of the weight on the top 1%", number(d.TopWeight)},
		{"share of decisions without weight", number(d.NoWeight)},
		{"smallest propensity", number(d.LeastPropensity)},
		{"share of the policy without support", number(d.Unsupported) + unmetText(d.Unmet)},
		{"rewards not known yet", fmt.Sprintf("%.0f", d.Censored)},
		{"decisions that say nothing about the policy", fmt.Sprintf("%.0f", d.NotServed)},
		{"probability of being kept in the log", number(d.MeanKept)},
		{"reward of the logging policy", number(d.Logger.Value)},
		{"drift of the reward, p", number(d.DriftP)},
	}
}
