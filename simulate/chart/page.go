package chart

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
)

// Table is rows of texts under a header.
type Table struct {
	Header []string
	Rows   [][]string
}

const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{.Title}}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .75rem; text-align: left }
svg { max-width: 100%; height: auto }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
{{with .Table}}<table>
<tr>{{range .Header}}<th>{{.}}</th>{{end}}</tr>
{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}</table>{{end}}
<figure>{{.SVG}}</figure>
</body>
</html>
`

// HTML writes a page with the table and the picture.
func (p *Picture) HTML(w io.Writer, t Table) error {
	var svg bytes.Buffer
	if err := p.SVG(&svg); err != nil {
		return err
	}
	drawing := svg.Bytes()
	if at := bytes.Index(drawing, []byte("<svg")); at > 0 { // an XML declaration has no place in a page
		drawing = drawing[at:]
	}
	parsed, err := template.New("page").Parse(page)
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	if err := parsed.Execute(w, struct {
		Title string
		Table Table
		SVG   template.HTML // made by SVG above, which escapes texts
	}{p.Title, t, template.HTML(drawing)}); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}
