package ope

// SlateRow is one slot of a logged slate: several actions that were chosen together for as many slots. Its Sample has the
// Position and the Reward of the slot, and the probabilities of the whole slate: Propensity, that with which the logging policy
// served all of its actions, and Target, that with which the evaluated policy would have. For cascade_dr, QLogged is the
// sum of rewards, from this slot to the last, that a model expects of the evaluated policy once the actions of the slots before
// and of this one are as logged; QTarget is the mean of that over the evaluated policy's choice for this slot.
type SlateRow struct {
	Sample
	// Slate is what the rows of a slate have in common.
	Slate uint64
	// ItemPropensity and ItemTarget are the probabilities of this action in this slot, whatever is in the others.
	ItemPropensity, ItemTarget float64
	// CascadePropensity and CascadeTarget are the probabilities of the actions in this slot and all before.
	CascadePropensity, CascadeTarget float64
}

func (r *SlateRow) itemWeight() float64    { return r.ItemTarget / r.ItemPropensity }
func (r *SlateRow) cascadeWeight() float64 { return r.CascadeTarget / r.CascadePropensity }

// SlateColumns is a set of the fields that a source of slates gives beside slate, position and reward.
type SlateColumns uint

// The fields that estimators of slates may need.
const (
	HasSlateProbabilities   SlateColumns = 1 << iota // Propensity and Target
	HasItemProbabilities                             // ItemPropensity and ItemTarget
	HasCascadeProbabilities                          // CascadePropensity and CascadeTarget
	HasSlateModel                                    // QLogged and QTarget
)

// slateColumnNames are how the columns are called in tables, in the order of the bits.
var slateColumnNames = [...][2]string{
	{"pscore", "eval_pscore"},
	{"pscore_item_position", "eval_pscore_item_position"},
	{"pscore_cascade", "eval_pscore_cascade"},
	{"q_logged", "q_pi_e"},
}

// Has reports whether all of the others are in the set.
func (c SlateColumns) Has(others SlateColumns) bool { return c&others == others }

// Missing returns how those of the needed columns are called that are not in the set.
func (c SlateColumns) Missing(needed SlateColumns) (names []string) {
	for i, pair := range slateColumnNames {
		if bit := SlateColumns(1) << i; needed&bit != 0 && c&bit == 0 {
			names = append(names, pair[:]...)
		}
	}
	return names
}

// Check returns a *FieldError for the first of the given fields that is not as Sample.Check wants it.
func (r *SlateRow) Check(given SlateColumns) error {
	if err := number("reward", r.Reward); err != nil {
		return err
	}
	pairs := [...][2]float64{
		{r.Propensity, r.Target}, {r.ItemPropensity, r.ItemTarget}, {r.CascadePropensity, r.CascadeTarget},
	}
	for i, pair := range pairs {
		if !given.Has(SlateColumns(1) << i) {
			continue
		}
		names := slateColumnNames[i]
		if !positiveProbability(pair[0]) {
			return &FieldError{names[0], pair[0], "a probability in (0,1]"}
		}
		if !probability(pair[1]) {
			return &FieldError{names[1], pair[1], "a probability in [0,1]"}
		}
		if tooHeavy(pair[1], pair[0]) {
			return &FieldError{names[0], pair[0], notHeavy}
		}
	}
	if given.Has(HasSlateModel) {
		return r.checkOptional(HasModel)
	}
	return nil
}
