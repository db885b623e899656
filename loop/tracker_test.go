package loop

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/learn"
)

const settle = time.Second

// at returns the time some tenths of a second after the start.
func at(tenths int) time.Time {
	return time.Unix(1000, 0).Add(time.Duration(tenths) * time.Second / 10)
}

func good(name, description string) source {
	return source{name: name, path: name + ".yaml", bytes: []byte("version: 1\nname: " + name + "\nactions: from_request\ndescription: \"" + description + "\"\n")}
}

func bad(name string) source {
	return source{name: name, path: name + ".yaml", bytes: []byte("version: 1\n")}
}

// told writes changes in short.
func told(changes []Change) string {
	s := ""
	for _, c := range changes {
		switch {
		case c.Removed:
			s += c.Name + " removed;"
		case c.Err != nil:
			s += c.Name + " broken;"
		default:
			s += c.Name + "=" + string(c.Definition.SHA256[:4]) + ";"
		}
	}
	return s
}

func short(s source) string {
	d, err := Compile(s.path, s.bytes)
	if err != nil {
		return s.name + " broken;"
	}
	return s.name + "=" + d.SHA256[:4] + ";"
}

func TestTracker(t *testing.T) {
	a, b := good("a", "1"), good("a", "2")
	unreadable := source{name: "a", path: "a.yaml", err: errors.New("not now")}
	type step struct {
		tenths int
		found  []source
		told   string
		wait   bool
	}
	for name, steps := range map[string][]step{
		"nothing changes":                      {{0, []source{a}, "", false}, {20, []source{a}, "", false}},
		"a change is told when it has settled": {{0, []source{b}, "", true}, {9, []source{b}, "", true}, {10, []source{b}, short(b), false}, {30, []source{b}, "", false}},
		"a change that goes on is not told": {{0, []source{b}, "", true}, {8, []source{bad("a")}, "", true}, {16, []source{b}, "", true}, {24, []source{bad("a")}, "", true},
			{34, []source{bad("a")}, "a broken;", false}},
		"there and back is no change":                  {{0, []source{b}, "", true}, {5, []source{a}, "", false}, {10, []source{b}, "", true}, {15, []source{b}, "", true}, {20, []source{b}, short(b), false}},
		"broken, told once, and mended":                {{0, []source{bad("a")}, "", true}, {10, []source{bad("a")}, "a broken;", false}, {20, []source{bad("a")}, "", false}, {30, []source{a}, "", true}, {40, []source{a}, short(a), false}},
		"removed":                                      {{0, nil, "", true}, {10, nil, "a removed;", false}, {20, nil, "", false}},
		"moved away and saved":                         {{0, nil, "", true}, {2, []source{b}, "", true}, {12, []source{b}, short(b), false}},
		"unreadable":                                   {{0, []source{unreadable}, "", true}, {10, []source{unreadable}, "a broken;", false}, {20, nil, "", true}, {30, nil, "a removed;", false}},
		"another appears, then goes before it is told": {{0, []source{a, good("z", "")}, "", true}, {5, []source{a}, "", false}},
		"renamed to another ending":                    {{0, []source{{name: "a", path: "a.yml", bytes: a.bytes}}, "", false}},
		"several, by name": {{0, []source{b, good("c", ""), good("d", "")}, "", true},
			{10, []source{b, good("c", ""), good("d", "")}, short(b) + short(good("c", "")) + short(good("d", "")), false}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Compile(a.path, a.bytes)
			if err != nil {
				t.Fatal(err)
			}
			k := newTracker(settle, []*learn.Definition{d})
			for i, s := range steps {
				changes, wait := k.observe(at(s.tenths), s.found)
				if told(changes) != s.told || wait != s.wait {
					t.Fatalf("step %d: told %q and wait %t, want %q and %t", i, told(changes), wait, s.told, s.wait)
				}
			}
		})
	}
}

// TestTrackerAgainstHistory drives the tracker at random and compares it with the obvious rule, looked up in the whole
// history: what was the same for settle and is not what was told last, is told.
func TestTrackerAgainstHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := newTracker(settle, nil)
		var contents []string
		var times []int
		last, now := "", 0
		for i := range rapid.IntRange(1, 40).Draw(rt, "steps") {
			now += rapid.IntRange(1, 12).Draw(rt, "pause")
			content := rapid.SampledFrom([]string{"", "x", "x", "y", "broken"}).Draw(rt, "content")
			contents, times = append(contents, content), append(times, now)
			var found []source
			switch content {
			case "":
			case "broken":
				found = []source{bad("a")}
			default:
				found = []source{good("a", content)}
			}
			changes, wait := k.observe(at(now), found)

			first := i
			for first > 0 && contents[first-1] == content {
				first--
			}
			want := content != last && now-times[first] >= 10
			if want {
				last = content
			}
			if (len(changes) == 1) != want || len(changes) > 1 || wait != (content != last) {
				rt.Fatalf("at %d, %q since %d, told last %q: got %v, wait %t", now, content, times[first], last, told(changes), wait)
			}
			if want && (changes[0].Removed != (content == "") || (changes[0].Err != nil) != (content == "broken")) {
				rt.Fatalf("%q is told as %s", content, told(changes))
			}
		}
		if n := len(k.loops); n > 1 {
			rt.Fatal(fmt.Sprint(n, " loops are tracked"))
		}
	})
}
