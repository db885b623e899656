package simulate

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nextbest/nextbest/model"
)

// LoggedColumns name the columns of a file of logged decisions.
type LoggedColumns struct {
	Action, Reward, Propensity string
	Drop                       []string // columns that are no features: other outcomes, identifiers
}

// DefaultLoggedColumns returns the names that need no telling.
func DefaultLoggedColumns() LoggedColumns {
	return LoggedColumns{Action: "action", Reward: "reward", Propensity: "propensity"}
}

// Logged is somebody else's randomised decisions: in each row what was known, the action that was drawn, the
// probability it was drawn with, and what it paid. It is immutable.
type Logged struct {
	actions []model.Candidate // in the order of their names, numbers by size
	served  []int             // by row: the number of the action
	rewards []float64
	chances []float64 // the logged probabilities ("propensities")
	table   *table
}

// ReadLogged reads comma-separated values with a header row. Columns without a role are features of the context, by the
// rules of ReadMulticlass. Errors name line and column.
func ReadLogged(r io.Reader, columns LoggedColumns) (*Logged, error) {
	l := &Logged{}
	var ids []string
	unused := slices.Clone(columns.Drop)
	drop := func(column string) bool {
		n := len(unused)
		unused = slices.DeleteFunc(unused, func(d string) bool { return d == column })
		return len(unused) < n
	}
	t, err := readTable(r, []role{
		{column: columns.Action, take: func(field string) error {
			ids = append(ids, strings.Clone(field))
			return checkActionID(field)
		}},
		{column: columns.Reward, take: l.addReward},
		{column: columns.Propensity, take: l.addChance},
	}, drop)
	if err != nil {
		return nil, err
	}
	if len(unused) > 0 {
		return nil, fmt.Errorf("line 1: no column is named %q, which is to be dropped", unused[0])
	}
	l.table = t
	return l, l.number(ids)
}

// maxReward keeps sums over the rows, divided by small propensities, finite. Models leave out what is beyond.
const maxReward = 1e100

func checkActionID(field string) error {
	if field == "" {
		return errors.New("the action is missing")
	}
	return nil
}

func (l *Logged) addReward(field string) error {
	x, err := strconv.ParseFloat(field, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("the reward %q is not a finite number", field)
	}
	if math.Abs(x) > maxReward {
		return fmt.Errorf("the reward %s is beyond ±%g", field, maxReward)
	}
	l.rewards = append(l.rewards, x)
	return nil
}

func (l *Logged) addChance(field string) error {
	x, err := strconv.ParseFloat(field, 64)
	switch {
	case err != nil:
		return fmt.Errorf("the propensity %q is not a number", field)
	case !(x > 0 && x <= 1):
		return fmt.Errorf("the propensity %s is not above 0 and at most 1", field)
	}
	l.chances = append(l.chances, x)
	return nil
}

// number makes the actions of their names. All that the log ever served are there to choose from in every round.
func (l *Logged) number(ids []string) error {
	names := slices.Clone(ids)
	slices.SortFunc(names, byNumber)
	names = slices.Compact(names)
	if len(names) < 2 || len(names) > maxActions {
		return fmt.Errorf("the log served %d different actions; it takes from 2 to %d", len(names), maxActions)
	}
	numbers := make(map[string]int, len(names))
	for i, id := range names {
		numbers[id] = i
		l.actions = append(l.actions, model.Candidate{ID: id})
	}
	for _, id := range ids {
		l.served = append(l.served, numbers[id])
	}
	return nil
}

// byNumber orders numbers by size and before all other names.
func byNumber(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	switch {
	case errX == nil && errY == nil && x != y:
		return x - y
	case errX == nil && errY != nil:
		return -1
	case errX != nil && errY == nil:
		return 1
	}
	return strings.Compare(a, b)
}

// Rows returns how many decisions were logged.
func (l *Logged) Rows() int { return len(l.served) }

// constants returns what the log says that each action would have earned alone, and a uniform choice, over the first
// rows: self-normalised importance-weighted averages (SNIPS, Swaminathan and Joachims 2015).
func (l *Logged) constants(rows int) (best, uniform float64) {
	weight, sum := make([]float64, len(l.actions)), make([]float64, len(l.actions))
	for i, a := range l.served[:rows] {
		weight[a] += 1 / l.chances[i]
		sum[a] += l.rewards[i] / l.chances[i]
	}
	best = math.Inf(-1)
	var all, paid float64
	for a := range l.actions {
		if weight[a] > 0 {
			best = max(best, sum[a]/weight[a])
		}
		all, paid = all+weight[a], paid+sum[a]
	}
	return best, paid / all
}
