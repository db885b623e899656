package jobs

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/evaluate"
	"github.com/nextbest/nextbest/evaluate/report"
	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/ope"
)

const (
	// mostPolicies bounds the policies of one evaluation, those that "action:*" stands for included.
	mostPolicies = 100
	// mostFiles bounds the loop files among them: each has a model of its own that learns along.
	mostFiles = 8
	// mostSums bounds the sums that one evaluation keeps, of half a megabyte each where units or a bootstrap group them.
	// Slots have sums of their own, so there are as many more as a page has slots; ten are reckoned with.
	mostSums      = 500
	reckonedSlots = 10
)

// Policy is a policy to be evaluated.
type Policy struct {
	// Name is "online", "uniform", "baseline", "action:ID" or "action:*", or with a File whatever it is to be called.
	Name string
	// File is the text of a loop file that defines the loop, empty where the name says it all.
	File string
}

// Request says what to evaluate, and how. NewRequest fills in the defaults.
type Request struct {
	Loop       string
	Policies   []Policy
	Estimators []string
	Lambda     float64 // the parameter of estimators that take one and are named without; NaN: their own defaults
	Alpha      float64
	Interval   ope.Method
	Rounds     int
	Seed       uint64
	// Since and Until bound the decisions, the second exclusive; zero means no bound.
	Since, Until time.Time
	Slots        bool // evaluate each slot by itself as well
	Open         bool // count events whose window is open with what they are worth so far
}

// NewRequest returns a request with the defaults of nextbest evaluate.
func NewRequest(loop string, policies ...Policy) Request {
	return Request{
		Loop: loop, Policies: policies, Estimators: report.DefaultEstimators(),
		Lambda: math.NaN(), Alpha: 0.05, Rounds: 1000, Seed: 12345,
	}
}

// plan is a request that was found good.
type plan struct {
	options evaluate.Options
	choices report.Choices
}

func planOf(q *Request) (*plan, error) {
	p := &plan{options: evaluate.Options{Loop: q.Loop, Since: q.Since, Until: q.Until, Provisional: q.Open}}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return nil, invalid("until", "is not after since")
	}
	var err error
	if p.options.Candidates, err = candidates(q); err != nil {
		return nil, err
	}
	if p.choices, err = choicesOf(q); err != nil {
		return nil, err
	}
	if problem := tooMuch(len(p.options.Candidates), &p.choices); problem != "" {
		return nil, invalid("policies", problem)
	}
	return p, nil
}

func invalid(field, problem string) error {
	return &decision.InputError{Field: field, Problem: problem}
}

func candidates(q *Request) ([]evaluate.Candidate, error) {
	if len(q.Policies) == 0 {
		return nil, invalid("policies", "is empty: say what to evaluate")
	}
	var out []evaluate.Candidate
	files := 0
	for i, p := range q.Policies {
		c, err := p.candidate(q.Loop, fmt.Sprintf("policies[%d]", i))
		if err != nil {
			return nil, err
		}
		if slices.Contains(q.Policies[:i], p) {
			return nil, invalid(fmt.Sprintf("policies[%d]", i), fmt.Sprintf("is %q, which is there twice", p.Name))
		}
		if p.File != "" {
			files++
		}
		out = append(out, c)
	}
	if files > mostFiles {
		return nil, invalid("policies", fmt.Sprintf("has %d loop files, and at most %d are evaluated at once", files, mostFiles))
	}
	return out, nil
}

// candidate never takes the name for a path.
func (p *Policy) candidate(of, field string) (evaluate.Candidate, error) {
	if p.File == "" {
		c, err := evaluate.ParseWord(p.Name)
		if err != nil {
			return c, invalid(field+".name", err.Error())
		}
		return c, nil
	}
	d, err := loop.CompileCandidateText(of, p.Name, []byte(p.File))
	if err != nil {
		return evaluate.Candidate{}, invalid(field+".loopFile", inOneLine(err))
	}
	return evaluate.LoopFile(p.Name, d), nil
}

func inOneLine(err error) string {
	var problems loop.Problems
	if !errors.As(err, &problems) {
		return err.Error()
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.String()
	}
	return strings.Join(texts, "; ")
}

func choicesOf(q *Request) (report.Choices, error) {
	specs, err := ope.ParseEstimators(q.Estimators, q.Lambda)
	if err != nil {
		return report.Choices{}, invalid(fmt.Sprintf("estimators[%d]", firstBad(q)), err.Error())
	}
	if len(specs) == 0 {
		return report.Choices{}, invalid("estimators", "is empty")
	}
	options := ope.Options{Alpha: q.Alpha, Method: q.Interval, Bootstrap: ope.Bootstrap{Rounds: q.Rounds, Seed: q.Seed}}
	if err := options.Check(); err != nil {
		return report.Choices{}, invalid(badOption(options), err.Error())
	}
	return report.Choices{Specs: specs, Options: options, Slots: q.Slots}, nil
}

// firstBad returns the index of the first estimator that cannot be.
func firstBad(q *Request) int {
	for i := range q.Estimators {
		if _, err := ope.ParseEstimators(q.Estimators[:i+1], q.Lambda); err != nil {
			return i
		}
	}
	return 0
}

// badOption finds the option by taking the others out.
func badOption(o ope.Options) string {
	alone := ope.Options{Alpha: o.Alpha, Bootstrap: ope.Bootstrap{Rounds: ope.MostRounds}}
	if alone.Check() != nil {
		return "alpha"
	}
	// The default alpha: one that asks for more rounds says so by its rounds.
	if alone.Alpha, alone.Method = 0.05, o.Method; alone.Check() != nil {
		return "interval"
	}
	return "rounds"
}

// tooMuch says why an evaluation would take more memory than it may, or nothing.
func tooMuch(policies int, c *report.Choices) string {
	if policies > mostPolicies {
		return fmt.Sprintf("stands for %d policies, and at most %d are evaluated at once", policies, mostPolicies)
	}
	sums := 0
	for _, s := range c.Specs {
		sums++
		if s.Tuning != nil {
			sums += len(s.Tuning.Grid) - 1
		}
	}
	sums *= policies
	if c.Slots {
		sums *= reckonedSlots
	}
	if sums > mostSums {
		return fmt.Sprintf("with all estimators and the values that they try takes %d sums, and at most %d are kept at once: "+
			"ask for fewer policies or estimators, or not for each slot", sums, mostSums)
	}
	return ""
}
