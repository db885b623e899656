// Package importtest holds the rules of docs/architecture.md about who may import whom, and checks the tree by them.
//
// It parses the files itself. A test that asked `go list` would be answered from the test cache after a change that
// breaks a rule, as the cache sees the files that a test opens and not those that a command opens for it.
package importtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strings"
)

// File is one parsed Go file.
type File struct {
	Path   string // slash-separated, from the root of the tree
	Lines  int
	Syntax *ast.File

	positions *token.FileSet
}

// Dir returns the directory of the file's package, from the root of the tree.
func (f *File) Dir() string { return path.Dir(f.Path) }

// IsTest reports whether the file belongs to the package's tests.
func (f *File) IsTest() bool { return strings.HasSuffix(f.Path, "_test.go") }

// at names a place in the file as compilers do.
func (f *File) at(p token.Pos) string {
	return fmt.Sprintf("%s:%d", f.Path, f.positions.Position(p).Line)
}

// skipped are directories whose files are not ours to judge: generated, or installed, or a test's own input.
func skipped(dir string) bool {
	base := path.Base(dir)
	return dir == "proto/gen" || base == "testdata" || base == "node_modules" || len(base) > 1 && base[0] == '.'
}

// Load parses every Go file of a tree, in the order of their paths.
func Load(root fs.FS) ([]*File, error) {
	var files []*File
	positions := token.NewFileSet()
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skipped(name):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(positions, name, source, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("parse %s: %w", name, err)
		}
		lines := bytes.Count(source, []byte("\n"))
		files = append(files, &File{Path: name, Lines: lines, Syntax: syntax, positions: positions})
		return nil
	})
	return files, err
}
