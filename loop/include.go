package loop

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The folders, in the directory of loop files, of what loop files include.
const (
	GuardrailFolder = "guardrails" // guardrails/NAME.yaml: rules that several loops have
	BrandFolder     = "brands"     // brands/NAME.yaml: what rules read as brand.*
)

// maxIncluded is how many files a loop may include, those that they include counted.
const maxIncluded = 64

// includePattern is what an included file may be called: a name, never a path.
const includePattern = namePattern

var includeName = regexp.MustCompile(includePattern)

func guardrailPart(name string) string { return GuardrailFolder + "/" + name + ".yaml" }
func brandPart(name string) string     { return BrandFolder + "/" + name + ".yaml" }

// home returns the directory of loop files that a file belongs to, where the folders are of what it includes.
func home(path string) string {
	if _, ok := challenged(path); ok {
		return filepath.Dir(filepath.Dir(filepath.Dir(path)))
	}
	return filepath.Dir(path)
}

// partPath returns where a bundle's file is, for people.
func partPath(path, part string) string { return filepath.Join(home(path), filepath.FromSlash(part)) }

// pack makes a source's bytes, those of a loop file, the bundle with everything that it includes. What cannot be read is
// left out, and told when the source is compiled. known may be nil.
func (s *source) pack(known *known) {
	if line := marker(s.bytes); line > 0 {
		s.err = Problems{marked(s.path, line)}
		s.bytes = nil
		return
	}
	b := bundle{main: s.bytes, files: make(map[string][]byte)}
	s.unread = make(map[string]error)
	size := len(b.main)
	next := known.included(b.main, loopIncludes)
	for len(next) > 0 {
		part := next[0]
		next = next[1:]
		if _, ok := b.files[part]; ok || s.unread[part] != nil {
			continue
		}
		file, err := readPart(s.path, part)
		switch {
		case err != nil:
		case len(b.files) >= maxIncluded:
			err = fmt.Errorf("a loop includes at most %d files", maxIncluded)
		case size+len(file) > MaxBundleSize:
			err = fmt.Errorf("a loop file and all that it includes have at most %d bytes", MaxBundleSize)
		}
		if err != nil {
			s.unread[part] = err
			continue
		}
		b.files[part] = file
		size += len(file)
		if strings.HasPrefix(part, GuardrailFolder) {
			next = append(next, known.included(file, guardrailIncludes)...)
		}
	}
	s.bytes = b.bytes()
}

func marked(path string, line int) Problem {
	return Problem{File: path, Line: line, Column: 1,
		Message: "a line that begins with '-- ' and ends with ' --' is not part of loop files: such lines begin the files of a bundle"}
}

// known remembers what files include, by their bytes, from one look at a directory to the next: most do not change, and to
// read a large one takes a fifth of a second. nil remembers nothing.
type known struct{ before, now map[digest][]string }

// next forgets what was not asked for since the call before.
func (k *known) next() { k.before, k.now = k.now, make(map[digest][]string) }

// included returns the parts that a file names, whether or not they can be read; none of a file that is no YAML. A file is
// either of a loop or of rules: the same bytes are not both.
func (k *known) included(file []byte, names func(root *node) []string) []string {
	if len(file) > MaxFileSize || !bytes.Contains(file, []byte("include")) && !bytes.Contains(file, []byte("brand")) {
		return nil
	}
	if k == nil {
		return includedIn(file, names)
	}
	d := sum(0, file)
	parts, ok := k.now[d]
	if !ok {
		if parts, ok = k.before[d]; !ok {
			parts = includedIn(file, names)
		}
		k.now[d] = parts
	}
	return parts
}

func includedIn(file []byte, names func(root *node) []string) []string {
	root := (&compiler{format: loopFormat}).parse(file)
	if root == nil {
		return nil
	}
	return names(root)
}

func loopIncludes(root *node) []string {
	var parts []string
	for _, rule := range root.key("guardrails").items {
		if name := rule.key("include").text; includeName.MatchString(name) {
			parts = append(parts, guardrailPart(name))
		}
	}
	if name := root.key("brand").text; includeName.MatchString(name) {
		parts = append(parts, brandPart(name))
	}
	return parts
}

func guardrailIncludes(root *node) []string {
	var parts []string
	for _, n := range root.key("include").items {
		if includeName.MatchString(n.text) {
			parts = append(parts, guardrailPart(n.text))
		}
	}
	return parts
}

// readPart reads an included file. An error that is Problems has its place in that file; any other belongs to where it is
// included.
func readPart(path, part string) ([]byte, error) {
	where := partPath(path, part)
	b, err := read(where)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s%s", where, meant(partName(part), namesBeside(where)))
	case err != nil:
		return nil, Problems{{File: where, Line: 1, Column: 1, Message: err.Error()}}
	case len(b) > MaxFileSize:
		return nil, Problems{{File: where, Line: 1, Column: 1, Message: fmt.Sprintf("the file is larger than %d bytes, the most that an included file may have", MaxFileSize)}}
	}
	if line := marker(b); line > 0 {
		return nil, Problems{marked(where, line)}
	}
	return b, nil
}

// partName returns the name by which a part is included.
func partName(part string) string {
	return strings.TrimSuffix(filepath.Base(part), ".yaml")
}

// namesBeside returns the names of the files in a file's folder.
func namesBeside(path string) []string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if name, ok := loopName(e.Name()); ok {
			names = append(names, name)
		}
	}
	return names
}

// open returns the compiler of a file that is included at a place of c's file, with its checked tree; nil, with the problem
// added, when there is none that could be read. A file that is included again is not read again: again is true.
func (c *compiler) open(from *compiler, at position, what, part string, f *format) (file *compiler, root *node, again bool) {
	if file, ok := c.parts[part]; ok {
		return file, nil, true
	}
	file = &compiler{path: partPath(c.path, part), format: f}
	c.parts[part] = file
	c.included = append(c.included, file)
	b, ok := c.bundle.files[part]
	if !ok {
		c.absent(from, at, what, part, file)
		return file, nil, false
	}
	if len(b) > MaxFileSize {
		file.addf(position{1, 1}, "the file has %d bytes; an included file has at most %d", len(b), MaxFileSize)
		return file, nil, false
	}
	root = file.parse(b)
	if root == nil || !file.check(root, f.shape, "") {
		return file, nil, false
	}
	return file, root, false
}

// absent says why a part is not there: in its own file where that is known to be wrong, else where it is included.
func (c *compiler) absent(from *compiler, at position, what, part string, file *compiler) {
	err := c.unread[part]
	var problems Problems
	switch {
	case errors.As(err, &problems):
		file.found = append(file.found, problems...)
	case err != nil:
		from.addf(at, "%s: %v", what, err)
	default:
		from.addf(at, "%s: %s is not in the bundle of this loop", what, part)
	}
}

// unused refuses what a bundle has and the loop does not include: what is in force is what is there.
func (c *compiler) unused(file []byte) {
	for _, name := range slices.Sorted(maps.Keys(c.bundle.files)) {
		if _, ok := c.parts[name]; !ok && len(c.found) == 0 && len(c.included) == c.sound() {
			before, _, _ := bytes.Cut(file, []byte("\n-- "+name+" --"))
			c.addf(position{bytes.Count(before, []byte("\n")) + 2, 1}, "%q is not included by the loop: remove it", name)
		}
	}
}

// sound returns how many of the included files have no problems.
func (c *compiler) sound() int {
	n := 0
	for _, i := range c.included {
		if len(i.found) == 0 {
			n++
		}
	}
	return n
}

// Shared is what became of a file of rules or of a brand, by itself: whether its expressions fit a loop shows when a loop
// includes it.
type Shared struct {
	Path string
	Err  error // Problems
}

// LoadShared checks the files of rules and of brands beside a directory's loop files, ordered by path.
func LoadShared(dir string) []Shared {
	var all []Shared
	for _, folder := range []string{BrandFolder, GuardrailFolder} {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			path := filepath.Join(dir, folder)
			all = append(all, Shared{path, Problems{{File: path, Line: 1, Column: 1, Message: err.Error()}}})
		}
		for _, e := range entries {
			if _, ok := loopName(e.Name()); ok && !isFolder(filepath.Join(dir, folder, e.Name())) {
				all = append(all, checkShared(dir, folder, e.Name()))
			}
		}
	}
	return all
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// checkShared checks one shared file.
func checkShared(dir, folder, base string) Shared {
	name, _ := loopName(base)
	c := newCompiler(filepath.Join(dir, "loop.yaml"))
	part := guardrailPart(name)
	if folder == BrandFolder {
		part = brandPart(name)
	}
	path := filepath.Join(dir, folder, base)
	switch b, err := readPart(c.path, part); {
	case !includeName.MatchString(name), base != name+".yaml":
		const err = "the file cannot be included: its name must be NAME.yaml, with lower-case letters, digits, - and _, at most 63"
		return Shared{path, Problems{{File: path, Line: 1, Column: 1, Message: err}}}
	case err != nil:
		c.unread = map[string]error{part: err}
	default:
		c.bundle.files = map[string][]byte{part: b}
	}
	at := &node{at: position{1, 1}, form: text, text: name}
	if folder == BrandFolder {
		c.brandOf(at)
	} else {
		g := ruleGathering{loop: c, first: make(map[string]*rule), alone: true}
		g.include(c, at, "")
		for i := range g.rules {
			g.rules[i].compiled(time.UTC)
		}
	}
	if err := c.problems(); err != nil {
		return Shared{path, err}
	}
	return Shared{path, nil}
}
