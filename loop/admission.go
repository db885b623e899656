package loop

import (
	"bytes"
	"errors"
	"regexp"
	"time"

	"github.com/nextbest/nextbest/learn"
)

// Admission is what a loop says of an action that is to be in its catalogue.
type Admission struct {
	Problem string   // it can be no action of the loop; "" when it can
	Reasons []string // of the rules that it breaks whoever it is served to, in canonical order
}

// Admit judges actions by a definition's file, each a JSON object with the keys of an action in a loop file. Ids come once.
func Admit(d *learn.Definition, actions [][]byte, at time.Time) ([]Admission, error) {
	out := make([]Admission, len(actions))
	var fine []int
	for i, a := range actions {
		if bytes.ContainsRune(a, '\n') {
			out[i].Problem = "the action has more than one line"
			continue
		}
		fine = append(fine, i)
	}
	made, err := compileWith(d, actions, fine)
	var wrong Problems
	if errors.As(err, &wrong) {
		if fine, err = without(fine, wrong, d.Path, out); err != nil {
			return nil, err
		}
		made, err = compileWith(d, actions, fine)
	}
	if err != nil {
		return nil, err
	}
	if made.Loop.Guardrails == nil {
		return out, nil
	}
	for k, i := range fine {
		for _, r := range made.Loop.Guardrails.Admit(made.Loop.Subjects[k], at) {
			out[i].Reasons = append(out[i].Reasons, r.Reason)
		}
	}
	return out, nil
}

// compileWith compiles a definition's file with some of the actions as its live ones.
func compileWith(d *learn.Definition, actions [][]byte, of []int) (*learn.Definition, error) {
	var lines bytes.Buffer
	for _, i := range of {
		lines.Write(actions[i])
		lines.WriteByte('\n')
	}
	file, err := WithCatalogue(d.File, lines.Bytes())
	if err != nil {
		return nil, err
	}
	c := newCompiler(d.Path)
	c.loop = d.Loop.Name
	return c.compile(file)
}

// placeInList is how a problem names an action of several; whoever asked about one does not know the number.
var placeInList = regexp.MustCompile(`^(actions\[\d+\]|action \d+)`)

// without notes the problems of actions, by the line that each is in, and returns the others. A problem of anything else is an
// error.
func without(of []int, wrong Problems, path string, out []Admission) (fine []int, err error) {
	part := partPath(path, cataloguePart)
	bad := make(map[int]bool)
	for _, p := range wrong {
		if p.File != part || p.Line < 1 || p.Line > len(of) {
			return nil, wrong
		}
		i := of[p.Line-1]
		bad[i] = true
		if out[i].Problem == "" {
			out[i].Problem = placeInList.ReplaceAllString(p.Message, "action")
		}
	}
	for _, i := range of {
		if !bad[i] {
			fine = append(fine, i)
		}
	}
	return fine, nil
}
