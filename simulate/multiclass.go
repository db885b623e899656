package simulate

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// labelColumn is the column that holds the rewarded action.
const labelColumn = "label"

// maxActions bounds what a label may be: a stray id in the label column is not a million actions.
const maxActions = 10_000

// Multiclass is a classification data set, replayed as a bandit problem: the actions are the classes, and a decision
// pays 1 when it names the row's class. It is immutable.
type Multiclass struct {
	Labels  []int
	Actions int // labels are 0..Actions-1
	table   *table
}

// ReadMulticlass reads comma-separated values with a header row. A column named label holds the class; every other
// column is a feature, a number unless any of its values does not parse as a finite one, then a category. An empty
// field is a missing value. Errors name line and column.
func ReadMulticlass(r io.Reader) (*Multiclass, error) {
	m := &Multiclass{}
	t, err := readTable(r, []role{{column: labelColumn, take: m.addLabel}}, func(string) bool { return false })
	if err != nil {
		return nil, err
	}
	m.table = t
	return m, nil
}

func (m *Multiclass) addLabel(field string) error {
	class, err := strconv.Atoi(field)
	switch {
	case field == "":
		return errors.New("the label is missing")
	case err != nil || class < 0:
		return fmt.Errorf("the label %q is not an integer from 0", field)
	case class >= maxActions:
		return fmt.Errorf("the label %d is not below %d", class, maxActions)
	}
	m.Labels = append(m.Labels, class)
	m.Actions = max(m.Actions, class+1)
	return nil
}

// World returns the rows in their order, one a round, for len(m.Labels) rounds.
func (m *Multiclass) World() World {
	w := &multiclassWorld{data: m}
	for a := range m.Actions {
		w.actions = append(w.actions, model.Candidate{ID: strconv.Itoa(a)})
	}
	return w
}

type multiclassWorld struct {
	data    *Multiclass
	row     int
	context features.Set
	actions []model.Candidate
}

// Next implements World.
func (w *multiclassWorld) Next(round int) (features.Set, []model.Candidate) {
	w.row = round
	w.context = w.data.table.appendRow(w.context[:0], round)
	return w.context, w.actions
}

// Expected implements World.
func (w *multiclassWorld) Expected(dst []float64) []float64 {
	for i := range w.actions {
		reward, _ := w.Reward(i)
		dst = append(dst, reward)
	}
	return dst
}

// Reward implements World.
func (w *multiclassWorld) Reward(i int) (float64, int) {
	if i == w.data.Labels[w.row] {
		return 1, 0
	}
	return 0, 0
}
