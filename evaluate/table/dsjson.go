package table

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/ope"
)

// dsjsonSource reads the decision service JSON of Vowpal Wabbit and of the services that write it, a decision a line:
//
//	{"_label_cost":-1,"_label_probability":0.8,"_label_Action":2,"_labelIndex":1,"pdrop":0.5,
//	 "a":[2,1,3],"p":[0.8,0.1,0.1],"c":{...},...}
//
// The reward is -_label_cost. Actions are named by their numbers, from 1. The actions a that could be served, in any
// order, have the logging policy's probabilities p. Of records like this, pdrop were dropped on the way to the log.
//
// Passed over and counted are lines that are rewards whose decision is not in the file, {"RewardValue":...}, and
// decisions marked _skipLearn, which were not activated. Records of several slots (_outcomes) are refused.
type dsjsonSource struct {
	objects *objects
	cells   *cells
	record  dsjsonRecord
	skipped int64
	actions []int // the record's, numbered as in samples
	digits  []byte
}

// dsjsonRecord is what one line says.
type dsjsonRecord struct {
	has           dsjsonMember
	cost          float64
	probability   float64
	action, index int
	drop          float64
	skipLearn     bool
	numbers       []int // a
	probabilities []float64
}

// dsjsonMember is a set of members that are read.
type dsjsonMember uint

const (
	hasCost dsjsonMember = 1 << iota
	hasProbability
	hasAction
	hasIndex
	hasA
	hasP
	hasDrop
	hasSkipLearn
	hasOutcomes
	hasRewardValue
)

// dsjsonLayout calls the fields as the format does.
func dsjsonLayout() *layout {
	l := &layout{given: ope.HasAction | ope.HasPropensity | ope.HasKept}
	l.theirs[action], l.theirs[reward], l.theirs[pscore] = "_label_Action", "_label_cost", "_label_probability"
	l.theirs[kept] = "pdrop"
	return l
}

func openDSJSON(r io.Reader, options Options, cells *cells) (*dsjsonSource, error) {
	// Features, which are not read, may have a name twice.
	d := &dsjsonSource{objects: newObjects(r, jsontext.AllowDuplicateNames(true)), cells: cells}
	if len(options.Columns) > 0 {
		return d, errors.New("decision service JSON has no columns to rename")
	}
	if _, err := d.objects.lines.r.Peek(1); errors.Is(err, io.EOF) {
		return d, errEmpty
	}
	return d, nil
}

func (d *dsjsonSource) place(e *Error) { e.Line = d.objects.lines.number }

func (d *dsjsonSource) fields() *layout { return dsjsonLayout() }

// alternatives implements decider.
func (d *dsjsonSource) alternatives() (actionSet, bool) {
	return actionSet{d.actions, d.record.probabilities}, true
}

func (d *dsjsonSource) next(s *ope.Sample) error {
	for {
		line, err := d.objects.line()
		if err != nil {
			return err
		}
		if err := d.read(line); err != nil {
			return err
		}
		if d.record.isDecision() {
			return d.sample(s)
		}
		d.skipped++
	}
}

// isDecision reports whether a record is to be evaluated, or to be refused.
func (r *dsjsonRecord) isDecision() bool {
	return !r.skipLearn && (r.has&hasCost != 0 || r.has&hasRewardValue == 0)
}

func (d *dsjsonSource) read(line []byte) error {
	d.record = dsjsonRecord{numbers: d.record.numbers[:0], probabilities: d.record.probabilities[:0]}
	if err := d.objects.begin(line); err != nil {
		return err
	}
	for d.objects.more() {
		if err := d.member(); err != nil {
			return err
		}
	}
	return d.objects.end()
}

// member reads a name and its value.
func (d *dsjsonSource) member() error {
	text, err := d.objects.name()
	if err != nil {
		return err
	}
	member := memberOf(text)
	if member == 0 {
		return d.objects.skip()
	}
	if d.record.has&member != 0 {
		return &Error{Column: string(text), Err: errors.New("it is there twice")}
	}
	d.record.has |= member
	if err := d.value(member); err != nil {
		return &Error{Column: string(text), Err: err} // Still there: values are not unquoted.
	}
	return nil
}

// memberOf returns what a name stands for, or 0.
func memberOf(text []byte) dsjsonMember {
	switch string(text) {
	case "_label_cost":
		return hasCost
	case "_label_probability":
		return hasProbability
	case "_label_Action", "_labelAction":
		return hasAction
	case "_labelIndex":
		return hasIndex
	case "a":
		return hasA
	case "p":
		return hasP
	case "pdrop":
		return hasDrop
	case "_skipLearn":
		return hasSkipLearn
	case "_outcomes":
		return hasOutcomes
	case "RewardValue":
		return hasRewardValue
	}
	return 0
}

// value reads the value of a member.
func (d *dsjsonSource) value(member dsjsonMember) (err error) {
	r := &d.record
	switch member {
	case hasCost:
		r.cost, err = d.objects.number()
	case hasProbability:
		r.probability, err = d.objects.number()
	case hasDrop:
		r.drop, err = d.objects.number()
	case hasAction:
		r.action, err = d.objects.integer()
	case hasIndex:
		r.index, err = d.objects.integer()
	case hasA:
		r.numbers, err = readList(d.objects, r.numbers, d.objects.integer)
	case hasP:
		r.probabilities, err = readList(d.objects, r.probabilities, d.objects.number)
	case hasSkipLearn:
		r.skipLearn, err = d.objects.boolean()
	default:
		err = d.objects.skip()
	}
	return err
}

// sample makes a sample of a record.
func (d *dsjsonSource) sample(s *ope.Sample) (err error) {
	r := &d.record
	if err := r.check(); err != nil {
		return err
	}
	s.Reward, s.Propensity, s.Kept = 0-r.cost, r.probability, 1-r.drop // 0-0 has no sign.
	if s.Action, err = d.actionNumber(r.action); err != nil {
		return err
	}
	d.actions = d.actions[:0]
	for _, n := range r.numbers {
		number, err := d.actionNumber(n)
		if err != nil {
			return err
		}
		d.actions = append(d.actions, number)
	}
	return nil
}

func (d *dsjsonSource) actionNumber(n int) (int, error) {
	d.digits = strconv.AppendInt(d.digits[:0], int64(n), 10)
	return d.cells.actions.number(d.digits)
}

// check refuses a record that lacks something or contradicts itself.
func (r *dsjsonRecord) check() error {
	if r.has&hasOutcomes != 0 {
		return &Error{Column: "_outcomes", Err: errors.New("records of several slots are not read")}
	}
	for _, needed := range []struct {
		member dsjsonMember
		column string
	}{{hasCost, "_label_cost"}, {hasProbability, "_label_probability"}, {hasAction, "_label_Action"}} {
		if r.has&needed.member == 0 {
			return &Error{Column: needed.column, Err: errMissing}
		}
	}
	if r.action < 1 {
		return &Error{Column: "_label_Action", Err: fmt.Errorf("%d is not a number of an action, from 1", r.action)}
	}
	if r.has&hasIndex != 0 && r.index != r.action-1 {
		return &Error{Column: "_labelIndex", Err: fmt.Errorf("%d is not _label_Action - 1, which is %d", r.index, r.action-1)}
	}
	if !(r.drop >= 0 && r.drop < 1) {
		return &Error{Column: "pdrop", Err: fmt.Errorf("%v is not a probability in [0,1)", r.drop)}
	}
	return r.checkDistribution()
}

// The services write single precision: sums of thousands of probabilities, and each, are exact to no more than these.
const (
	sumTolerance = 1e-3
	oneTolerance = 1e-4 // relative
)

// checkDistribution refuses probabilities that are none, or by which the served action had another than the logged.
func (r *dsjsonRecord) checkDistribution() error {
	if r.has&(hasA|hasP) == 0 {
		return nil
	}
	if len(r.numbers) != len(r.probabilities) {
		return &Error{Column: "p", Err: fmt.Errorf("it has %d probabilities, a has %d actions", len(r.probabilities), len(r.numbers))}
	}
	r.countFromOne()
	sum, served := 0.0, math.NaN()
	for i, p := range r.probabilities {
		if !(p >= 0 && p <= 1+sumTolerance) {
			return &Error{Column: "p", Err: fmt.Errorf("%v is not a probability in [0,1]", p)}
		}
		sum += p
		if r.numbers[i] == r.action {
			served = p
		}
	}
	if math.Abs(sum-1) > sumTolerance {
		return &Error{Column: "p", Err: fmt.Errorf("the probabilities sum to %v, not to 1", sum)}
	}
	if !(math.Abs(served-r.probability) <= oneTolerance*r.probability) {
		return &Error{Column: "p", Err: fmt.Errorf("action %d has the probability %v, but %v as _label_probability",
			r.action, served, r.probability)}
	}
	return nil
}

// countFromOne renumbers actions that some writers count from 0 in a, though from 1 in _label_Action.
func (r *dsjsonRecord) countFromOne() {
	for _, n := range r.numbers {
		if n == 0 {
			for i := range r.numbers {
				r.numbers[i]++
			}
			return
		}
	}
}
