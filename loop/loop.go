// Package loop reads loop files: it turns loops/NAME.yaml into a learn.Definition, or into the list of everything
// that is wrong with it, each with its line and column.
//
//	bytes ─► parse (tree with positions) ─► check (against the table of keys, defaults filled in) ─► compile ─► Definition
//
// The table of keys (keys.go) is the one place that knows every key, its type, unit, limits and default with the reason
// for it. The JSON Schema (schema.json) and the reference page (docs/loop-files.md) are made from it.
//
// What is promised: a file with any unknown key, key given twice, wrong type or bad value gives no Definition; a file
// is judged in time linear in its size, which is capped; the same bytes give the same Definition everywhere. Load reads
// a directory, Watch follows it and keeps quiet about a file until it has stopped changing.
package loop

//go:generate go test -run ^TestGeneratedFilesAreFresh$ -update .

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/nextbest/nextbest/learn"
)

// MaxFileSize is the size above which a file is refused unread. A catalogue of MaxActions actions with 60 features
// each fits; what is larger is not a loop file.
const MaxFileSize = 1 << 20

var _ learn.Compile = Compile

// Compile turns a loop file into a Definition. The error is Problems: all that is wrong with the file, in its order.
// Nothing is read from disk: path names the file in problems, and its base name must be the loop's name.
func Compile(path string, file []byte) (*learn.Definition, error) {
	return (&compiler{path: path}).compile(file)
}

func (c *compiler) compile(file []byte) (*learn.Definition, error) {
	if len(file) > MaxFileSize {
		c.addf(position{1, 1}, "the file has %d bytes; a loop file has at most %d: let requests bring the actions (actions: from_request)",
			len(file), MaxFileSize)
		return nil, c.problems()
	}
	root := c.parse(file)
	if root == nil {
		return nil, c.problems()
	}
	if !c.check(root, &fileShape, "") {
		return nil, c.problems()
	}
	d := c.definition(root)
	if err := c.problems(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(file)
	d.Path, d.File, d.SHA256 = c.path, file, hex.EncodeToString(sum[:])
	d.LearningKey = learningKey(d)
	return d, nil
}

// compiler gathers what is wrong with one file.
type compiler struct {
	path  string
	loop  string // that the file must define; empty: the one it is called after
	found Problems
}

func (c *compiler) addf(at position, format string, args ...any) {
	c.found = append(c.found, Problem{File: c.path, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

// problems returns what was found in the order of the file, or nil.
func (c *compiler) problems() error {
	if len(c.found) == 0 {
		return nil
	}
	return c.found.ordered()
}
