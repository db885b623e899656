package loop

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
)

// MaxLiveActions is how many actions of a catalogue can be live in one loop.
const MaxLiveActions = 10_000

// live returns the actions of a bundle's catalogue as a list of what a loop file could have written, and the compiler of the
// part that they are in. Without that part there are none: whoever has the catalogue puts it there (WithCatalogue).
//
// The part has a JSON object a line, with the keys of an action in a loop file:
//
//	{"id":"a","channel":"email","features":{"price":2,"topics":["x","y"]},"tags":["legal"],"text":"Hello."}
func (c *compiler) live() (*compiler, *node) {
	file := &compiler{path: partPath(c.path, cataloguePart), format: loopFormat}
	all := &node{at: position{1, 1}, form: list}
	c.parts[cataloguePart] = file
	c.included = append(c.included, file)
	lines := bytes.Split(bytes.TrimSuffix(c.bundle.files[cataloguePart], []byte("\n")), []byte("\n"))
	if len(lines) == 1 && len(lines[0]) == 0 {
		return file, all
	}
	if len(lines) > MaxLiveActions {
		file.addf(position{MaxLiveActions + 1, 1}, "the catalogue has %d live actions of the loop; at most %d are allowed: retire some", len(lines), MaxLiveActions)
		return file, all
	}
	for i, line := range lines {
		at := position{i + 1, 1}
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil || v == nil {
			file.addf(at, "this is no JSON object: %v", err)
			continue
		}
		n := nodeOf(v, at)
		if file.check(n, &actionShape, fmt.Sprintf("action %d", i+1)) {
			all.items = append(all.items, n)
		}
	}
	return file, all
}

// nodeOf returns a JSON value as if it had been written in YAML at a place.
func nodeOf(v any, at position) *node {
	n := &node{at: at}
	switch v := v.(type) {
	case bool:
		n.form, n.flag, n.text = flag, v, strconv.FormatBool(v)
	case float64:
		n.form, n.number, n.text = number, v, strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		n.form, n.text = text, v
	case []any:
		n.form = list
		for _, item := range v {
			n.items = append(n.items, nodeOf(item, at))
		}
	case map[string]any:
		n.form = mapping
		for _, name := range slices.Sorted(maps.Keys(v)) {
			n.entries = append(n.entries, entry{name: name, at: at, value: nodeOf(v[name], at)})
		}
	}
	return n
}
