package loop

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/tools/txtar"
)

// MaxBundleSize is the size above which a loop file with everything that it includes is refused. The catalogue may be large,
// and the whole must fit into one record of the log, of 16 MiB with what else is in it.
const MaxBundleSize = 16<<20 - 64<<10

// cataloguePart is the file of a bundle that holds the actions that are live, put there by whoever has the catalogue.
const cataloguePart = "catalogue.ndjson"

// bundle is a loop file with what it includes. Its bytes are a txtar archive, with the loop file as its comment:
//
//	version: 1
//	name: homepage
//	...
//	-- brands/acme.yaml --
//	...
//	-- catalogue.ndjson --
//	...
//	-- guardrails/brand-safety.yaml --
//	...
//
// Files are ordered by name, and only those are there that the loop file includes, or that a file included by it
// includes. A loop file that includes nothing is its own bytes.
type bundle struct {
	main  []byte
	files map[string][]byte // by their names in the archive
}

// bytes returns the bundle as it is kept in the log.
func (b *bundle) bytes() []byte {
	if len(b.files) == 0 {
		return b.main
	}
	a := &txtar.Archive{Comment: b.main}
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		a.Files = append(a.Files, txtar.File{Name: name, Data: b.files[name]})
	}
	return txtar.Format(a)
}

// unpack returns the parts of a bundle. The same parts have one way only of being written.
func unpack(file []byte) (bundle, error) {
	a := txtar.Parse(file)
	if len(a.Files) == 0 {
		return bundle{main: file}, nil
	}
	b := bundle{main: a.Comment, files: make(map[string][]byte, len(a.Files))}
	for _, f := range a.Files {
		b.files[f.Name] = f.Data
	}
	if !bytes.Equal(b.bytes(), file) {
		return b, fmt.Errorf("the included files are not as they are packed: each once, ordered by name, after a line '-- NAME --'")
	}
	return b, nil
}

// marker returns the first line, from 1, that would begin a file of a bundle; 0 when there is none.
func marker(file []byte) int {
	a := txtar.Parse(file)
	if len(a.Files) == 0 {
		return 0
	}
	return bytes.Count(a.Comment, []byte("\n")) + 1
}

// WithCatalogue returns a loop file, or its bundle, with these actions as its live ones, one JSON object a line; without
// any when there are none. It is for loops with 'actions: catalogue'.
func WithCatalogue(file, actions []byte) ([]byte, error) {
	b, err := unpack(file)
	if err != nil {
		return nil, err
	}
	if marker(actions) > 0 {
		return nil, fmt.Errorf("line %d of the actions is the mark of a bundle's file", marker(actions))
	}
	files := maps.Clone(b.files)
	if files == nil {
		files = make(map[string][]byte, 1)
	}
	delete(files, cataloguePart)
	if len(actions) > 0 {
		files[cataloguePart] = actions
	}
	b.files = files
	return b.bytes(), nil
}
