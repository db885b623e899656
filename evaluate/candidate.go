package evaluate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// Words that name candidates without a file.
const (
	onlineWord   = "online"
	uniformWord  = "uniform"
	baselineWord = "baseline"
	actionPrefix = "action:"
	eachAction   = "*"
)

// Candidate is a policy to be judged. The constructors make them.
type Candidate struct {
	// Name is how reports call it.
	Name string

	rule   rule              // of one without a file
	file   *learn.Definition // of a loop file
	action string            // of an action
}

// Online is the policy that wrote the log, as it was at each decision: every weight is 1.
func Online() Candidate { return Candidate{Name: onlineWord, rule: online{}} }

// Uniform serves each eligible action alike.
func Uniform() Candidate { return Candidate{Name: uniformWord, rule: uniform{}} }

// Baseline serves the baseline action: the one that the slot names, else the first that is eligible.
func Baseline() Candidate { return Candidate{Name: baselineWord, rule: baseline{}} }

// Action serves one action wherever it is eligible, and the baseline elsewhere. With "*" for an id, Open makes one
// candidate of each action in the loop's newest file.
func Action(id string) Candidate {
	return Candidate{Name: actionPrefix + id, rule: constant{id}, action: id}
}

// LoopFile is the policy of a loop file, with the model that it would have had. The file's loop may have another name
// than the loop whose log is read.
func LoopFile(name string, d *learn.Definition) Candidate { return Candidate{Name: name, file: d} }

// ParseCandidate returns the candidate that a word of the command line means: one of those of ParseWord, or the path of a
// file that might take the place of the loop's own. The error of a bad file is loop.Problems, any other is of the word: one
// that is neither a policy nor a file.
func ParseCandidate(loopName, word string) (Candidate, error) {
	c, err := ParseWord(word)
	switch {
	case err == nil || strings.HasPrefix(word, actionPrefix):
		return c, err
	case !isFile(word):
		return Candidate{}, fmt.Errorf("%w, or a loop file, NAME.yaml", err)
	}
	d, err := loop.CompileCandidate(loopName, word)
	if err != nil {
		return Candidate{}, err
	}
	return LoopFile(word, d), nil
}

// isFile reports whether a word that is no policy's can be meant as a file: it ends as they do, or there is one.
func isFile(word string) bool {
	ext := filepath.Ext(word)
	_, err := os.Stat(word)
	return ext == ".yaml" || ext == ".yml" || err == nil
}

// ParseWord returns the candidate that needs no file and that a word names: "online", "uniform", "baseline", "action:ID" or
// "action:*".
func ParseWord(word string) (Candidate, error) {
	switch id, isAction := strings.CutPrefix(word, actionPrefix); {
	case word == onlineWord:
		return Online(), nil
	case word == uniformWord:
		return Uniform(), nil
	case word == baselineWord:
		return Baseline(), nil
	case isAction && id == "":
		return Candidate{}, errors.New("action: which one? write action:ID, or action:* for each of them")
	case isAction:
		return Action(id), nil
	}
	return Candidate{}, fmt.Errorf("%q names no policy: want online, uniform, baseline, action:ID or action:*", word)
}

// expanded returns the candidates with "action:*" replaced by those of the loop's actions.
func expanded(candidates []Candidate, l *decision.Loop) ([]Candidate, error) {
	var out []Candidate
	for _, c := range candidates {
		if c.file != nil && (c.file.Loop.Send != nil || l.Send != nil) {
			return nil, fmt.Errorf("candidate %s: evaluations do not learn users' hours: of send times, ask for online, uniform, baseline or action:%s", c.Name, decision.DoNotSend)
		}
		if c.action != eachAction {
			out = append(out, c)
			continue
		}
		if len(l.Actions) == 0 {
			return nil, fmt.Errorf("candidate %s: loop %q has its actions from requests: name them one by one", c.Name, l.Name)
		}
		for _, a := range l.Actions {
			out = append(out, Action(a.ID))
		}
	}
	if len(out) == 0 {
		return nil, errors.New("there is no candidate to evaluate")
	}
	return out, nil
}
