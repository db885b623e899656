package inbound

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile bounds a webhook file.
const maxFile = 1 << 20

// FileProblem is one thing that is wrong with a webhook file. Line and Column count from 1.
type FileProblem struct {
	File         string
	Line, Column int
	Message      string
}

// String returns file:line:col: message.
func (p FileProblem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// FileProblems is everything that is wrong with webhook files. It is never empty as an error.
type FileProblems []FileProblem

// Error implements error: one problem a line.
func (ps FileProblems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Config is what webhook files say, checked; secrets are not looked at yet.
type Config struct {
	entries []entry
}

// entry is one source of a file, ready but for its secrets.
type entry struct {
	name string
	at   FileProblem // where it is
	open func(from Secrets, fetcher Fetcher) (*Source, error)
}

// Load reads a webhook file, or all of a directory's (*.yaml, *.yml). The error is FileProblems.
func Load(path string) (*Config, error) {
	paths, err := filesOf(path)
	if err != nil {
		return nil, FileProblems{{File: path, Line: 1, Column: 1, Message: err.Error()}}
	}
	c := &Config{}
	var problems FileProblems
	for _, p := range paths {
		text, err := readFile(p)
		if err != nil {
			problems = append(problems, FileProblem{File: p, Line: 1, Column: 1, Message: err.Error()})
			continue
		}
		problems = append(problems, c.add(p, text)...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	var found []string
	for _, pattern := range []string{"*.yaml", "*.yml"} {
		matches, err := filepath.Glob(filepath.Join(path, pattern))
		if err != nil {
			return nil, err
		}
		found = append(found, matches...)
	}
	if len(found) == 0 {
		return nil, errors.New("there are no webhook files, *.yaml, in this directory")
	}
	slices.Sort(found)
	return found, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("the file has more than %d bytes", maxFile)
	}
	return text, err
}

// Parse reads one webhook file. The error is FileProblems.
func Parse(name string, text []byte) (*Config, error) {
	c := &Config{}
	if problems := c.add(name, text); len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// add adds a file's sources, and returns what is wrong with it.
func (c *Config) add(name string, text []byte) (problems FileProblems) {
	f := &file{name: name}
	// The parser is another project's and meets whatever an editor leaves behind.
	defer func() {
		if r := recover(); r != nil {
			problems = append(f.problems, FileProblem{name, 1, 1, fmt.Sprintf("this is not YAML that can be read: %v", r)})
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if !f.plain(tokens) {
		return f.problems
	}
	parsed, err := parser.Parse(tokens, 0)
	if err != nil {
		f.fail(nil, err)
		return f.problems
	}
	for _, s := range f.sources(parsed) {
		if i := slices.IndexFunc(c.entries, func(e entry) bool { return e.name == s.name }); i >= 0 {
			f.problems = append(f.problems, s.at.saying("source %s is there twice, first in %s line %d", s.name, c.entries[i].at.File, c.entries[i].at.Line))
			continue
		}
		c.entries = append(c.entries, s)
	}
	slices.SortStableFunc(f.problems, func(a, b FileProblem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return f.problems
}

// plain refuses what hides what is in force, as loop files do.
func (f *file) plain(tokens token.Tokens) bool {
	for _, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType:
			p := FileProblem{File: f.name}
			p.at(t)
			f.problems = append(f.problems, p.saying("anchors, aliases, merges and tags are not part of a webhook file: write the value where it is used"))
			return false
		}
	}
	return true
}

// file collects what is wrong with one file.
type file struct {
	name     string
	problems FileProblems
}

func (p FileProblem) saying(format string, a ...any) FileProblem {
	p.Message = fmt.Sprintf(format, a...)
	return p
}

// fail adds what the YAML library says, at its place, or at a node's where it names none.
func (f *file) fail(at ast.Node, err error) {
	p := f.place(at)
	var e yaml.Error
	p.Message = err.Error()
	if errors.As(err, &e) {
		p.Message = plainly(e.GetMessage())
		p.at(e.GetToken())
	}
	f.problems = append(f.problems, p)
}

// plainly says in our words what the library says of what is met most.
func plainly(message string) string {
	if name, ok := strings.CutPrefix(message, "unknown field "); ok {
		return name + " is not a key of this part of a webhook file"
	}
	return message
}

func (f *file) failf(at ast.Node, format string, a ...any) {
	f.problems = append(f.problems, f.place(at).saying(format, a...))
}

func (f *file) place(n ast.Node) FileProblem {
	p := FileProblem{File: f.name, Line: 1, Column: 1}
	if n != nil {
		p.at(n.GetToken())
	}
	return p
}

func (p *FileProblem) at(t *token.Token) {
	if t != nil && t.Position != nil {
		p.Line, p.Column = max(t.Position.Line, 1), max(t.Position.Column, 1)
	}
}

// values returns the pairs of a block of keys, nil when it is something else.
func values(n ast.Node) []*ast.MappingValueNode {
	if m, ok := n.(*ast.MappingNode); ok {
		return m.Values
	}
	if v, ok := n.(*ast.MappingValueNode); ok {
		return []*ast.MappingValueNode{v}
	}
	return nil
}

// find returns the node at a path of keys, or the deepest above it that there is: the place of a problem.
func find(n ast.Node, path ...string) ast.Node {
	for _, v := range values(n) {
		if len(path) > 0 && v.Key.GetToken().Value == path[0] {
			if below := find(v.Value, path[1:]...); len(path) > 1 && len(values(v.Value)) > 0 {
				return below
			}
			return v.Key
		}
	}
	if pairs := values(n); len(pairs) > 0 {
		return pairs[0].Key
	}
	return n
}
