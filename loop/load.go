package loop

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/learn"
)

// ChallengerFolder is the folder, in the directory of loop files, of those that challenge them: challengers/LOOP/NAME.yaml is
// a whole file of loop LOOP, called NAME as a challenger.
const ChallengerFolder = "challengers"

// Load compiles every loop file (*.yaml, *.yml) of a directory, ordered by name. It returns the good ones, and with
// them an error that says what is wrong with the others. Hidden entries are not loop files: the directories that
// Kubernetes swaps under ..data are reached through the visible links to their files.
func Load(dir string) ([]*learn.Definition, error) {
	files, err := sources(dir, nil)
	if err != nil {
		return nil, err
	}
	var good []*learn.Definition
	var wrong []error
	for _, f := range files {
		d, err := f.compile("")
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		good = append(good, d)
	}
	return good, errors.Join(wrong...)
}

// LoadEach compiles every loop file of a directory and returns what Watch would tell of each, ordered by the files' names.
func LoadEach(dir string) ([]Change, error) {
	files, err := sources(dir, nil)
	if err != nil {
		return nil, err
	}
	changes := make([]Change, len(files))
	for i := range files {
		changes[i] = Change{Name: files[i].name, Path: files[i].path}
		changes[i].Definition, changes[i].Err = files[i].compile("")
	}
	return changes, nil
}

// CompileFile compiles the loop file at a path, with what it includes. The error is Problems, also when the file cannot be read.
func CompileFile(path string) (*learn.Definition, error) {
	s := find(path, nil)
	return s.compile("")
}

// find reads a file and what it includes, or says in the source why it cannot be read. known may be nil.
func find(path string, known *known) source {
	name, _ := loopName(filepath.Base(path))
	s := source{name: name, path: path}
	if s.bytes, s.err = read(path); s.err != nil {
		s.err = Problems{{File: path, Line: 1, Column: 1, Message: s.err.Error()}}
		return s
	}
	s.pack(known)
	return s
}

// source is one loop's file as it was found.
type source struct {
	name   string // of the loop, by the file's name
	path   string
	bytes  []byte           // with what it includes: a bundle
	unread map[string]error // why parts are not in the bundle
	err    error            // why there are no bytes
}

// compile compiles the file as one of a loop; "" for the loop that it is called after.
func (s *source) compile(loop string) (*learn.Definition, error) {
	if s.err != nil {
		return nil, s.err
	}
	c := newCompiler(s.path)
	c.loop, c.unread = loop, s.unread
	return c.compile(s.bytes)
}

// sources reads a directory's loop files, one source per loop, ordered by name. known may be nil.
func sources(dir string, known *known) ([]source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read loop files: %w", err)
	}
	var found []source
	for _, e := range entries {
		if _, ok := loopName(e.Name()); !ok {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			continue
		}
		found = append(found, find(path, known))
	}
	slices.SortStableFunc(found, byName)
	return single(found), nil
}

func byName(a, b source) int { return strings.Compare(a.name, b.name) }

// loopName returns the name of the loop that a file defines, and whether it is a loop file by its name.
func loopName(file string) (string, bool) {
	ext := filepath.Ext(file)
	return strings.TrimSuffix(file, ext), !strings.HasPrefix(file, ".") && file != killFile && (ext == ".yaml" || ext == ".yml")
}

// killFile is the file of the kill switch, which stands beside the loop files.
const killFile = "kill.yaml"

// single makes one source of the files that define the same loop: an error, as neither can be said to be meant.
func single(found []source) []source {
	var one []source
	for _, s := range found {
		if last := len(one) - 1; last >= 0 && one[last].name == s.name {
			one[last].bytes = nil
			one[last].err = Problems{{File: s.path, Line: 1, Column: 1,
				Message: fmt.Sprintf("loop %s is defined twice, in %s as well: remove one of the files", s.name, one[last].path)}}
			continue
		}
		one = append(one, s)
	}
	return one
}

// read returns a regular file's bytes, one more than MaxFileSize at most. Compile refuses that one.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("this is not a regular file: put the loop's text here, or a link to it")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	return b, nil
}
