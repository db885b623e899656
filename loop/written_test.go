package loop

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPlaceWithinText: whatever the way of writing it, the place of x within a text is where x stands in the file.
func TestPlaceWithinText(t *testing.T) {
	for name, file := range map[string]string{
		"plain":                           "k: a == x && b\n",
		"plain, letters of several bytes": "k: größe == x && b\n",
		"quoted":                          "k: 'it''s == x'\n",
		"quoted, two quotes":              "k: 'it''''s == x'\n",
		"double quotes":                   `k: "a == \"b\" && x"` + "\n",
		"escaped":                         `k: "a\tb\\ == x"` + "\n",
		"plain over lines":                "k: a ==\n    b &&\n     x\n",
		"quoted over lines":               "k: 'a ==\n    b &&\n     x'\n",
		"a block":                         "k: |\n  a ==\n    b &&\n    x\n",
		"a block, stripped":               "k: |-\n\n  a == b\n\n  && x\n",
		"a folded block":                  "k: >-\n  a ==\n  b &&\n\n  x\n",
		"a folded block, indented":        "k: >\n  a ==\n    b &&\n  x\n",
		"in a flow":                       "k: {a: 'x y', e: \"b == x\"}\n",
		"after a comment":                 "# x\nk: # x\n  a == x\n",
		"CRLF":                            "k: |\r\n  a ==\r\n  x\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := newCompiler("t.yaml")
			root := c.parse([]byte(file))
			if root == nil {
				t.Fatal(c.found)
			}
			n := root.key("k")
			if n.form == mapping {
				n = n.key("e")
			}
			before := n.text[:strings.LastIndex(n.text, "x")]
			line := strings.Count(before, "\n") + 1
			column := len([]rune(before[strings.LastIndex(before, "\n")+1:])) + 1
			got := c.placeWithin(n, line, column)
			lines := strings.Split(c.source, "\n")
			want := position{}
			for i, l := range lines {
				if j := strings.LastIndex(l, "x"); j >= 0 {
					want = position{i + 1, len([]rune(l[:j])) + 1}
				}
			}
			if got != want {
				t.Errorf("x of %q is at %v, want %v", n.text, got, want)
			}
			for _, far := range []position{{1, 1000}, {1000, 1}, {0, 0}, {-1, -1}} {
				if p := c.placeWithin(n, far.line, far.column); p.line < 1 || p.column < 1 || p.line > len(lines) {
					t.Errorf("%v within it is at %v", far, p)
				}
			}
		})
	}
}

// TestPlacesOfAnyText writes texts as blocks: each letter must be where it is said to be.
func TestPlacesOfAnyText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := rapid.SliceOfN(rapid.StringMatching(`[a-zö&|"'\\(][a-zö&|"'\\() ]{0,6}[a-z]`), 1, 5).Draw(rt, "lines")
		style := rapid.SampledFrom([]string{"|", "|-", ">", ">-"}).Draw(rt, "style")
		file := "k: " + style + "\n"
		for _, l := range lines {
			file += "  " + l + "\n"
		}
		c := newCompiler("t.yaml")
		root := c.parse([]byte(file))
		if root == nil {
			rt.Fatal(c.found)
		}
		n := root.key("k")
		source := strings.Split(c.source, "\n")
		for i, p := range c.placesOf(n) {
			text := []rune(n.text)
			if i == len(text) || blank(text[i]) {
				continue
			}
			if at := []rune(source[p.line-1])[p.column-1]; at != text[i] {
				rt.Fatal(fmt.Sprintf("%q: %d is at %v, where %q stands", n.text, i, p, at))
			}
		}
	})
}
