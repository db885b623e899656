package loop

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// check compares a node with what is allowed at its place, adds what is wrong, and leaves the node as if everything
// were right: what was wrong is replaced by its default or taken out, what was left out has its default. What follows
// need not ask again.
func (c *compiler) check(n *node, s *shape, path string) bool {
	if n.wrong {
		return false
	}
	if n.form == nothing && path != "" {
		c.addf(n.at, "%s has no value: give it %s, or remove the key", path, s.wanted())
		return false
	}
	switch s.kind {
	case objectKind:
		return c.object(n, s, path)
	case mapKind:
		return c.checkMap(n, s, path)
	case listKind:
		return c.checkList(n, s, path)
	case textKind:
		return c.text(n, s, path)
	case wordKind:
		return c.word(n, s.words, path)
	case flagKind:
		return c.form(n, flag, s, path)
	case durationKind:
		return c.duration(n, s, path)
	case valueKind:
		return c.value(n, path)
	default:
		return c.checkNumber(n, s, path)
	}
}

// form adds a problem unless n has the form that s wants.
func (c *compiler) form(n *node, want form, s *shape, path string) bool {
	if n.form == want {
		return true
	}
	if path == "" {
		path = "the file"
	}
	c.addf(n.at, "%s: expected %s, got %s", path, s.wanted(), n.got())
	return false
}

// got says what a node is, with its text where that is short.
func (n *node) got() string {
	if n.text == "" || len(n.text) > 40 || strings.ContainsAny(n.text, "\n") {
		return n.form.String()
	}
	return fmt.Sprintf("%s (%s)", n.form, n.text)
}

func (c *compiler) object(n *node, s *shape, path string) bool {
	if !c.form(n, mapping, s, path) {
		return false
	}
	n.entries = slices.DeleteFunc(n.entries, c.once(path))
	n.entries = slices.DeleteFunc(n.entries, func(e entry) bool {
		k := s.key(e.name)
		if k == nil {
			c.unknown(e, s, path)
			return true
		}
		if !c.check(e.value, &k.shape, where(path, e.name)) {
			n.failed = append(n.failed, e.name)
			return true
		}
		return false
	})
	for i := range s.keys {
		c.complete(n, &s.keys[i], path)
	}
	return true
}

func (c *compiler) unknown(e entry, s *shape, path string) {
	advice := meant(e.name, s.names())
	if advice == "" {
		advice = "; known are " + strings.Join(s.names(), ", ")
	}
	c.addf(e.at, "%s is not a key of %s%s", where(path, e.name), c.format.name, advice)
}

// once returns a filter that finds the second and further entries of one name.
func (c *compiler) once(path string) func(entry) bool {
	first := make(map[string]position)
	return func(e entry) bool {
		at, again := first[e.name]
		if again {
			c.addf(e.at, "%s is given twice, first in line %d: remove one", where(path, e.name), at.line)
			return true
		}
		first[e.name] = e.at
		return false
	}
}

// complete adds a key's default where it was left out, and what is wrong about its presence or absence.
func (c *compiler) complete(n *node, k *key, path string) {
	e := n.entry(k.name)
	known := k.only == "" || n.entry(k.only) != nil && !slices.Contains(n.failed, k.only)
	meaningful := known && (k.only == "" || slices.Contains(k.onlyValues, n.key(k.only).text))
	switch {
	case e != nil && known && !meaningful:
		c.addf(e.at, "%s has no meaning with %s %s: remove it, or set %s: %s",
			where(path, k.name), k.only, n.key(k.only).text, k.only, or(k.onlyValues))
	case e != nil:
	case k.kind == objectKind:
		e := entry{name: k.name, at: n.at, value: &node{at: n.at, form: mapping}, implied: true}
		c.object(e.value, &k.shape, where(path, k.name))
		n.entries = append(n.entries, e)
	case k.fallback != "":
		n.entries = append(n.entries, entry{name: k.name, at: n.at, value: implied(k, n.at), implied: true})
	case k.required && meaningful && !slices.Contains(n.failed, k.name):
		c.addf(n.at, "%s is missing: add it, it is %s", where(path, k.name), k.wanted())
	}
}

// implied returns a key's default as if it had been written at a place.
func implied(k *key, at position) *node {
	n := &node{at: at, form: text, text: k.fallback, plain: true}
	switch k.kind {
	case numberKind, integerKind:
		n.form = number
		n.number, _ = strconv.ParseFloat(k.fallback, 64) // a test reads every default of the table
	case flagKind:
		n.form, n.flag = flag, k.fallback == "true"
	}
	return n
}

func (c *compiler) checkMap(n *node, s *shape, path string) bool {
	if n.form == text && len(s.words) > 0 {
		return c.word(n, s.words, path)
	}
	if !c.form(n, mapping, s, path) {
		return false
	}
	n.entries = slices.DeleteFunc(n.entries, c.once(path))
	if !c.count(n, len(n.entries), s, path) {
		return false
	}
	n.entries = slices.DeleteFunc(n.entries, func(e entry) bool {
		if e.name == "" || len(e.name) > s.keyBytes {
			n.failed = append(n.failed, e.name)
			c.addf(e.at, "%s: a name has 1 to %d bytes, this one has %d", path, s.keyBytes, len(e.name))
			return true
		}
		if !c.check(e.value, s.elem, where(path, e.name)) {
			n.failed = append(n.failed, e.name)
			return true
		}
		return false
	})
	return true
}

func (c *compiler) checkList(n *node, s *shape, path string) bool {
	if n.form == text && len(s.words) > 0 {
		return c.word(n, s.words, path)
	}
	if !c.form(n, list, s, path) {
		return false
	}
	if !c.count(n, len(n.items), s, path) {
		return false
	}
	i := -1
	n.items = slices.DeleteFunc(n.items, func(v *node) bool {
		i++
		return !c.check(v, s.elem, item(path, i))
	})
	return true
}

func (c *compiler) count(n *node, got int, s *shape, path string) bool {
	switch {
	case s.least > 0 && s.least == s.most && got != s.least:
		c.addf(n.at, "%s: expected %s, got a list of %d", path, s.wanted(), got)
	case got < s.least:
		c.addf(n.at, "%s is empty: give it at least %d, or %s", path, s.least, s.instead())
	case s.most > 0 && got > s.most:
		c.addf(n.at, "%s has %d entries; at most %d are allowed: remove some", path, got, s.most)
	default:
		return true
	}
	return false
}

func (c *compiler) text(n *node, s *shape, path string) bool {
	switch {
	case n.plain && n.form != text && n.form != nothing:
		c.addf(n.at, "%s: expected text, got %s: put it in quotes if it is meant as text", path, n.got())
	case !c.form(n, text, s, path):
	case len(n.text) < s.least:
		c.addf(n.at, "%s is empty: give it a text", path)
	case s.most > 0 && len(n.text) > s.most:
		c.addf(n.at, "%s has %d bytes; at most %d are allowed: shorten it", path, len(n.text), s.most)
	case s.pattern != "" && !regexp.MustCompile(s.pattern).MatchString(n.text):
		c.addf(n.at, "%s: %q must be %s", path, n.text, s.patternWords)
	default:
		return true
	}
	return false
}

func (c *compiler) word(n *node, allowed []string, path string) bool {
	if n.form == text && slices.Contains(allowed, n.text) {
		return true
	}
	c.addf(n.at, "%s: expected %s, got %s%s", path, or(allowed), n.got(), meant(n.text, allowed))
	return false
}

var durationPattern = regexp.MustCompile(`^([0-9]{1,9})([smhd])$`)

// units are those of durations.
var units = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day}

func (c *compiler) duration(n *node, s *shape, path string) bool {
	if durationPattern.MatchString(n.text) {
		if d := n.duration(); d < s.shortest || d > s.longest {
			c.addf(n.at, "%s: %s is not from %s to %s", path, n.text, brief(s.shortest), brief(s.longest))
			return false
		}
		return true
	}
	c.addf(n.at, "%s: expected a whole number and its unit (s, m, h or d) as in 30m or 14d, got %s", path, n.got())
	return false
}

// duration returns the duration that a text stands for, 0 when it is none.
func (n *node) duration() time.Duration {
	m := durationPattern.FindStringSubmatch(n.text)
	if m == nil {
		return 0
	}
	count, err := strconv.Atoi(m[1])
	if unit := units[m[2]]; err == nil && time.Duration(count) <= math.MaxInt64/unit {
		return time.Duration(count) * unit
	}
	return math.MaxInt64
}

func (c *compiler) checkNumber(n *node, s *shape, path string) bool {
	if !c.form(n, number, s, path) {
		return false
	}
	x := n.number
	switch {
	case s.kind == integerKind && x != math.Trunc(x),
		s.limited && (x < s.min || x > s.max || s.above && x == s.min):
		c.addf(n.at, "%s: expected %s, got %s", path, s.wanted(), n.text)
		return false
	}
	return true
}

// value takes whatever a feature can be; whether it is of the declared type is for the compiler.
func (c *compiler) value(n *node, path string) bool {
	switch n.form {
	case mapping:
		c.addf(n.at, "%s: a feature is a number, a text, true or false, or a list of numbers or of texts; got %s", path, n.form)
		return false
	case text:
		return c.text(n, &shape{kind: textKind, most: maxText}, path)
	case list:
		return c.values(n, path)
	}
	return true
}

func (c *compiler) values(n *node, path string) bool {
	if !c.count(n, len(n.items), &shape{most: maxList}, path) {
		return false
	}
	for i, v := range n.items {
		if v.wrong {
			return false
		}
		if v.form != number && v.form != text || v.form != n.items[0].form {
			c.addf(v.at, "%s: a list is all numbers or all texts; got %s", item(path, i), v.got())
			return false
		}
	}
	return true
}
