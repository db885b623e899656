package loop

import "strings"

// placesOf returns where each character of a scalar's text stands in the file, and where its end is. A scalar may be
// written plain, in quotes or as a block, over several lines: its text and its writing are then walked side by side.
// Where they cannot be brought together, the places are those of what was last in step.
func (c *compiler) placesOf(n *node) []position {
	w := writing{rest: c.from(n.at), at: n.at}
	w.begin()
	text := []rune(n.text)
	places := make([]position, 0, len(text)+1)
	for i, r := range text {
		w.to(r)
		places = append(places, w.at)
		w.past(r, i+1 < len(text) && text[i+1] == r)
	}
	return append(places, w.at)
}

// from returns the file from a place on.
func (c *compiler) from(at position) []rune {
	lines := strings.SplitAfterN(c.source, "\n", at.line)
	if len(lines) < at.line {
		return nil
	}
	rest := []rune(lines[at.line-1])
	return rest[min(at.column-1, len(rest)):]
}

// writing is the rest of a file, and where it begins.
type writing struct {
	rest  []rune
	at    position
	quote rune // 0 of plain text and blocks

	escaped bool // rest begins with the letter of an escape
}

func (w *writing) step() {
	if w.rest[0] == '\n' {
		w.at = position{w.at.line + 1, 1}
	} else {
		w.at.column++
	}
	w.rest = w.rest[1:]
}

// escapes are those of texts in double quotes that rules are likely to have.
var escapes = map[rune]rune{'n': '\n', 't': '\t', '\\': '\\', '"': '"', ' ': ' ', '/': '/'}

// begin goes past what is no text: a quote, or the line that begins a block.
func (w *writing) begin() {
	if len(w.rest) == 0 {
		return
	}
	switch w.rest[0] {
	case '"', '\'':
		w.quote = w.rest[0]
		w.step()
	case '|', '>':
		for len(w.rest) > 0 && w.rest[0] != '\n' {
			w.step()
		}
	}
}

// to goes to where a character is written: past the indentation of lines, and past what escapes it.
func (w *writing) to(r rune) {
	for ahead := *w; len(ahead.rest) > 0; ahead.step() {
		switch s := ahead.rest[0]; {
		case s == '\\' && w.quote == '"' && len(ahead.rest) > 1 && escapes[ahead.rest[1]] == r:
			*w = ahead
			w.step()
			w.escaped = true
			return
		case s == r, blank(s) && blank(r):
			*w = ahead
			return
		case !blank(s) && s != '\\':
			return
		}
	}
}

// past goes past a character, and past what else stands for it: a line's end and the next line's indentation for a blank,
// a second quote for a quote.
func (w *writing) past(r rune, again bool) {
	if len(w.rest) == 0 {
		return
	}
	switch {
	case w.escaped:
		w.step()
		w.escaped = false
	case w.rest[0] == r && !blank(r):
		w.step()
		if r == '\'' && w.quote == r && len(w.rest) > 0 && w.rest[0] == r {
			w.step()
		}
	case blank(r) && blank(w.rest[0]):
		w.step()
		for !again && len(w.rest) > 0 && blank(w.rest[0]) {
			w.step()
		}
	}
}

func blank(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }

// placeWithin returns where a place within a scalar's text, line and column from 1, stands in the file.
func (c *compiler) placeWithin(n *node, line, column int) position {
	places := c.placesOf(n)
	i := 0
	for _, r := range n.text {
		if line <= 1 {
			break
		}
		if r == '\n' {
			line--
		}
		i++
	}
	return places[min(max(i+column-1, 0), len(places)-1)]
}
