package loop_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/nextbest/nextbest/loop"
)

// directory writes an archive's files into a new directory.
func directory(t testing.TB, archive string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		try(t, os.MkdirAll(filepath.Dir(path), 0o700))
		try(t, os.WriteFile(path, f.Data, 0o600))
	}
	return dir
}

// TestIncludes reads testdata/includes.txt.
func TestIncludes(t *testing.T) {
	const golden = "testdata/includes.txt"
	cases := strings.Split(readFile(t, golden), "\n=== ")
	out := cases[0]
	for _, c := range cases[1:] {
		title, body, _ := strings.Cut(c, "\n")
		archive, want, _ := strings.Cut(body, "---problems\n")
		dir := directory(t, archive)
		got := ""
		d, err := loop.CompileFile(filepath.Join(dir, "t.yaml"))
		if err != nil {
			var problems loop.Problems
			if !errors.As(err, &problems) || d != nil {
				t.Fatalf("%s: %v, %v", title, d, err)
			}
			got = strings.ReplaceAll(err.Error(), dir+"/", "") + "\n"
		}
		out += "\n=== " + title + "\n" + archive + "---problems\n" + got
		if !*update {
			t.Run(title, func(t *testing.T) {
				if diff := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(got)); diff != "" {
					t.Errorf("problems (-want +got):\n%s", diff)
				}
				if strings.TrimSpace(want) == "" {
					t.Error("the case is of files that are right")
				}
			})
		}
	}
	if *update {
		try(t, os.WriteFile(golden, []byte(out), 0o600))
	}
}

const including = `-- t.yaml --
version: 1
name: t
actions: [{id: a}]
guardrails:
  - include: b
  - include: a
brand: acme
-- guardrails/a.yaml --
version: 1
include: [c]
guardrails: []
-- guardrails/b.yaml --
version: 1
include: [c]
guardrails: []
-- guardrails/c.yaml --
version: 1
guardrails: []
-- guardrails/unused.yaml --
broken
-- brands/acme.yaml --
version: 1
name: acme
-- brands/other.yaml --
broken`

// TestBundle: a loop file that includes others is the archive of it and them, by name; it compiles again without the
// disk; and whatever else an archive holds, or another order, is refused.
func TestBundle(t *testing.T) {
	dir := directory(t, including)
	d := must(loop.CompileFile(filepath.Join(dir, "t.yaml")))
	a := txtar.Parse(d.File)
	var names []string
	for _, f := range a.Files {
		names = append(names, f.Name)
		if want := readFile(t, filepath.Join(dir, f.Name)); string(f.Data) != want && string(f.Data) != want+"\n" {
			t.Errorf("%s is %q", f.Name, f.Data)
		}
	}
	if got := strings.Join(names, " "); got != "brands/acme.yaml guardrails/a.yaml guardrails/b.yaml guardrails/c.yaml" {
		t.Errorf("the bundle has %s", got)
	}
	if string(a.Comment) != readFile(t, filepath.Join(dir, "t.yaml")) {
		t.Errorf("the loop file is %q", a.Comment)
	}
	accepted(t, d)

	swapped := *a
	swapped.Files = append([]txtar.File{a.Files[1], a.Files[0]}, a.Files[2:]...)
	more := *a
	more.Files = append(append([]txtar.File{}, a.Files...), txtar.File{Name: "guardrails/z.yaml", Data: []byte("version: 1\nguardrails: []\n")})
	twice := *a
	twice.Files = append(append([]txtar.File{}, a.Files...), a.Files[3])
	fewer := *a
	fewer.Files = a.Files[:3]
	actions := *a
	actions.Files = []txtar.File{a.Files[0], {Name: "catalogue.ndjson"}, a.Files[1], a.Files[2], a.Files[3]}
	for name, c := range map[string]struct{ file, want string }{
		"another order":      {string(txtar.Format(&swapped)), "t.yaml:1:1: the included files are not as they are packed"},
		"a file more":        {string(txtar.Format(&more)), `t.yaml:22:1: "guardrails/z.yaml" is not included`},
		"a file twice":       {string(txtar.Format(&twice)), "t.yaml:1:1: the included files are not as they are packed"},
		"a file less":        {string(txtar.Format(&fewer)), "guardrails/b.yaml:2:11: include[0]: guardrails/c.yaml is not in the bundle"},
		"actions unasked":    {string(txtar.Format(&actions)), `t.yaml:11:1: "catalogue.ndjson" is not included`},
		"blanks in a mark":   {strings.Replace(string(d.File), "-- brands", "--  brands", 1), "t.yaml:1:1: the included files are not as they are packed"},
		"another end":        {string(d.File) + "\n-- x --", "t.yaml:1:1: the included files are not as they are packed"},
		"a mark and no more": {"-- guardrails/a.yaml --\n", "t.yaml:1:1: the file is empty"},
	} {
		if d, err := loop.Compile("t.yaml", []byte(c.file)); d != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestSizesOfBundles: every file has its cap, and so has the whole.
func TestSizesOfBundles(t *testing.T) {
	dir := directory(t, including)
	path := filepath.Join(dir, "guardrails", "c.yaml")
	text := readFile(t, path)
	filled := text + "# " + strings.Repeat("x", loop.MaxFileSize-len(text)-3) + "\n"
	write(t, path, filled)
	if _, err := loop.CompileFile(filepath.Join(dir, "t.yaml")); err != nil {
		t.Errorf("a file of exactly the cap: %v", err)
	}
	write(t, path, filled+"\n")
	_, err := loop.CompileFile(filepath.Join(dir, "t.yaml"))
	if err == nil || !strings.HasPrefix(err.Error(), path+":1:1: the file is larger") {
		t.Errorf("a file above the cap: %v", err)
	}

	includes := ""
	for _, c := range "abcdefghijklmnopq" {
		includes += "  - include: big-" + string(c) + "\n"
		write(t, filepath.Join(dir, "guardrails", "big-"+string(c)+".yaml"), filled[strings.Index(filled, "version"):])
	}
	write(t, filepath.Join(dir, "t.yaml"), "version: 1\nname: t\nactions: from_request\nguardrails:\n"+includes)
	_, err = loop.CompileFile(filepath.Join(dir, "t.yaml"))
	if err == nil || !strings.Contains(err.Error(), "t.yaml:20:14: guardrails[15].include: a loop file and all that it includes have at most 16711680 bytes") {
		t.Errorf("a bundle above the cap: %v", err)
	}
	huge := []byte(smallest + "# " + strings.Repeat("x", 100) + "\n-- catalogue.ndjson --\n" + strings.Repeat("{}\n", loop.MaxBundleSize/3))
	if _, err := loop.Compile("t.yaml", huge); err == nil || !strings.Contains(err.Error(), "at most 16711680 are allowed") {
		t.Errorf("a huge bundle: %v", err)
	}
}

// TestIncludesOfAChallenger: its file is two folders below what it includes.
func TestIncludesOfAChallenger(t *testing.T) {
	dir := directory(t, including)
	path := filepath.Join(dir, "challengers", "t", "bold.yaml")
	try(t, os.MkdirAll(filepath.Dir(path), 0o700))
	write(t, path, readFile(t, filepath.Join(dir, "t.yaml")))
	own := must(loop.CompileFile(filepath.Join(dir, "t.yaml")))
	d := must(loop.CompileFile(path))
	if string(d.File) != string(own.File) {
		t.Errorf("%s\nis not\n%s", d.File, own.File)
	}
	candidate := filepath.Join(dir, "candidate.yaml")
	write(t, candidate, readFile(t, filepath.Join(dir, "t.yaml")))
	if d := must(loop.CompileCandidate("t", candidate)); string(d.File) != string(own.File) {
		t.Errorf("%s\nis not\n%s", d.File, own.File)
	}
}

// TestWatchIncludes: what a loop includes is followed as it is itself, and a change of it changes every loop that has it.
func TestWatchIncludes(t *testing.T) {
	dir := t.TempDir()
	loopOf := func(name string) string {
		return "version: 1\nname: " + name + "\nactions: [{id: a}]\nguardrails: [{include: shared}]\n"
	}
	shared := func(description string) string {
		return "version: 1\nguardrails: []\ndescription: \"" + description + "\"\n"
	}
	for _, name := range []string{"a", "b"} {
		write(t, filepath.Join(dir, name+".yaml"), loopOf(name))
	}
	write(t, filepath.Join(dir, "c.yaml"), file("c", "alone"))
	folder := filepath.Join(dir, "guardrails")
	try(t, os.Mkdir(folder, 0o700))
	path := filepath.Join(folder, "shared.yaml")
	write(t, path, shared("one"))
	w := watch(t, dir, longPoll)
	both := func(description string) {
		t.Helper()
		w.expect("a", description)
		w.expect("b", description)
	}
	brokenBoth := func(want string) {
		t.Helper()
		for _, name := range []string{"a", "b"} {
			if c := w.next(); c.Name != name || c.Definition != nil || c.Removed || c.Err == nil || !strings.Contains(c.Err.Error(), want) {
				t.Fatalf("told %+v, want %s with %q", c, name, want)
			}
		}
	}

	write(t, path, shared("two"))
	both("two")
	try(t, os.WriteFile(path+".new", []byte(shared("three")), 0o600))
	try(t, os.Rename(path+".new", path))
	both("three")
	try(t, os.Truncate(path, 15))
	brokenBoth(path + ":2:1: this is not YAML")
	write(t, path, shared("three"))
	both("three")
	try(t, os.Remove(path))
	brokenBoth("there is no file " + path)
	write(t, path, shared("four"))
	both("four")

	elsewhere := filepath.Join(t.TempDir(), "shared.yaml") // a link in its place
	write(t, elsewhere, shared("five"))
	try(t, os.Symlink(elsewhere, path+".link"))
	try(t, os.Rename(path+".link", path))
	both("five")

	try(t, os.Rename(folder, folder+".old")) // the whole folder is another
	brokenBoth("there is no file")
	try(t, os.Mkdir(folder, 0o700))
	write(t, path, shared("six"))
	both("six")
	write(t, path, shared("seven"))
	both("seven")

	write(t, filepath.Join(dir, "a.yaml"), file("a", "alone"))
	w.expect("a", "alone")
	write(t, path, shared("eight"))
	w.expect("b", "eight")
	write(t, filepath.Join(folder, "unused.yaml"), "broken")
	w.quiet()
}

// TestMarksOfBundles: a line that would begin a file of a bundle is refused on the disk, in each file.
func TestMarksOfBundles(t *testing.T) {
	for _, part := range []string{"t.yaml", "guardrails/c.yaml", "brands/acme.yaml"} {
		dir := directory(t, including)
		path := filepath.Join(dir, part)
		text := readFile(t, path)
		for _, line := range []string{"-- guardrails/c.yaml --", "-- x --", "--  x  --\r"} {
			write(t, path, text+"\ndescription: |2\n"+line+"\n")
			at := strings.Count(text, "\n") + 3
			want := fmt.Sprintf("%s:%d:1: a line that begins with '-- '", path, at)
			if d, err := loop.CompileFile(filepath.Join(dir, "t.yaml")); d != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s with %q: %v, want %s", part, line, err, want)
			}
		}
	}
}

// TestLiveActions: a catalogue's actions come in a part of the bundle, and are what a loop file could have said.
func TestLiveActions(t *testing.T) {
	const head = "version: 1\nname: t\nactions: catalogue\nfeatures: {action: {price: {type: number}, topics: {type: tags}}}\nguardrails: [{name: r, kind: eligibility, require: 'action.channel == \"email\"'}]\n"
	if d := compile(t, head); len(d.Loop.Actions) != 0 {
		t.Errorf("without a catalogue there are %v", d.Loop.Actions)
	}
	live := `{"id":"a","channel":"email","features":{"price":2,"topics":["x","y"]},"tags":["legal"],"text":"Größe."}
{"id":"b","mandatory":true}
`
	file := must(loop.WithCatalogue([]byte(head), []byte(live)))
	d := compile(t, string(file))
	l := d.Loop
	if len(l.Actions) != 2 || l.Actions[0].Features.Get("price").Number() != 2 || l.Subjects[0].Text != "Größe." || l.Subjects[0].Channel != "email" ||
		!slices.Equal(l.Subjects[0].Tags, []string{"legal"}) || !slices.Equal(l.Mandatory, []bool{false, true}) || l.Bound == nil {
		t.Errorf("%+v", l)
	}
	if again := must(loop.WithCatalogue(file, []byte(live))); string(again) != string(file) {
		t.Errorf("once more, it is\n%s", again)
	}
	if without := must(loop.WithCatalogue(file, nil)); string(without) != head {
		t.Errorf("taken away, it is\n%s", without)
	}
	for name, c := range map[string]struct{ live, want string }{
		"no JSON":           {"{\"id\":\"a\"}\nid: b\n", "catalogue.ndjson:2:1: this is no JSON object"},
		"null":              {"null\n", "catalogue.ndjson:1:1: this is no JSON object"},
		"a key twice":       {`{"id":"a","id":"b"}`, "catalogue.ndjson:1:1: this is no JSON object"},
		"an id twice":       {"{\"id\":\"a\"}\n{\"id\":\"a\"}\n", `catalogue.ndjson:2:1: actions[1].id: "a" is the id of another action, in line 1`},
		"no id":             {`{"features":{}}`, "catalogue.ndjson:1:1: action 1.id is missing"},
		"an unknown key":    {`{"id":"a","colour":"red"}`, "catalogue.ndjson:1:1: action 1.colour is not a key"},
		"another type":      {`{"id":"a","features":{"price":"2"}}`, "catalogue.ndjson:1:1: actions[0].features.price: expected number"},
		"an object in one":  {`{"id":"a","features":{"price":{"a":1}}}`, "catalogue.ndjson:1:1: action 1.features.price: a feature is a number"},
		"an empty line":     {"{\"id\":\"a\"}\n\n{\"id\":\"b\"}\n", "catalogue.ndjson:2:1: this is no JSON object"},
		"more than allowed": {strings.Repeat("{}\n", loop.MaxLiveActions+1), "catalogue.ndjson:10001:1: the catalogue has 10001 live actions"},
	} {
		file := must(loop.WithCatalogue([]byte(head), []byte(c.live)))
		if d, err := loop.Compile("t.yaml", file); d != nil || err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := loop.WithCatalogue([]byte(head), []byte("-- x --\n")); err == nil {
		t.Error("a mark among the actions is taken")
	}
	if _, err := loop.WithCatalogue([]byte(head+"-- b --\n-- a --\n"), nil); err == nil {
		t.Error("an archive that is none of ours is taken")
	}
}
