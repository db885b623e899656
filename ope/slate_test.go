package ope

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// validSlot returns a valid row.
func validSlot(slate uint64, position int) SlateRow {
	return SlateRow{
		Slate: slate, Sample: Sample{Position: position, Propensity: 0.1, Target: 0.2},
		ItemPropensity: 0.5, ItemTarget: 0.4, CascadePropensity: 0.5, CascadeTarget: 0,
	}
}

// Slates of all lengths must come out as they went in, whatever ids they have.
func TestSlatesComeOutAsTheyWentIn(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	s := NewSlates(HasSlateProbabilities | HasItemProbabilities | HasCascadeProbabilities)
	var want, got [][2]int // id and length
	keep := func(slate []SlateRow) {
		for i, row := range slate {
			if row.Position != i || row.Slate != slate[0].Slate {
				t.Fatalf("row %d of slate %d is %d of %d", i, slate[0].Slate, row.Position, row.Slate)
			}
		}
		if len(slate) > 0 {
			got = append(got, [2]int{int(slate[0].Slate), len(slate)})
		}
	}
	for id := range 200 {
		length := 1 + rng.IntN(5)
		want = append(want, [2]int{id % 7, length}) // ids may come back after other slates
		for position := range length {
			row := validSlot(uint64(id%7), position)
			slate, err := s.Add(&row)
			if err != nil {
				t.Fatal(err)
			}
			keep(slate)
		}
	}
	keep(s.Last())
	if !slices.Equal(got, want) {
		t.Errorf("slates %v, want %v", got, want)
	}
	if again := s.Last(); len(again) > 0 {
		t.Errorf("%d rows came out twice", len(again))
	}
}

func TestSlatesRefuseRowsThatDoNotFit(t *testing.T) {
	all := HasSlateProbabilities | HasItemProbabilities | HasCascadeProbabilities | HasSlateModel
	for name, c := range map[string]struct {
		change func(row *SlateRow)
		want   string
	}{
		"skips a position":      {func(r *SlateRow) { r.Position = 2 }, "slate 1, position 2: want position 1"},
		"repeats a position":    {func(r *SlateRow) { r.Position = 0 }, "slate 1, position 0: want position 1"},
		"starts in the middle":  {func(r *SlateRow) { r.Slate = 2 }, "slate 2, position 1: want position 0"},
		"other slate's pscore":  {func(r *SlateRow) { r.Propensity = 0.11 }, "want those of the whole slate"},
		"other slate's target":  {func(r *SlateRow) { r.Target = 0.3 }, "want those of the whole slate"},
		"no propensity":         {func(r *SlateRow) { r.Propensity = 0 }, "pscore is 0"},
		"item propensity":       {func(r *SlateRow) { r.ItemPropensity = 1.1 }, "pscore_item_position is 1.1"},
		"item target":           {func(r *SlateRow) { r.ItemTarget = -1 }, "eval_pscore_item_position is -1"},
		"cascade propensity":    {func(r *SlateRow) { r.CascadePropensity = math.NaN() }, "pscore_cascade is NaN"},
		"cascade target":        {func(r *SlateRow) { r.CascadeTarget = 2 }, "eval_pscore_cascade is 2"},
		"reward":                {func(r *SlateRow) { r.Reward = math.Inf(1) }, "reward is +Inf"},
		"model":                 {func(r *SlateRow) { r.QTarget = math.NaN() }, "q_pi_e is NaN"},
		"model's logged action": {func(r *SlateRow) { r.QLogged = math.NaN() }, "q_logged is NaN"},
	} {
		s := NewSlates(all)
		first, second := validSlot(1, 0), validSlot(1, 1)
		if _, err := s.Add(&first); err != nil {
			t.Fatal(err)
		}
		c.change(&second)
		_, err := s.Add(&second)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if left := s.Last(); len(left) != 1 || left[0] != first {
			t.Errorf("%s: the slate is %v afterwards, want its first row", name, left)
		}
	}
}

// What a source does not give is not looked at.
func TestSlatesDoNotCheckWhatIsNotGiven(t *testing.T) {
	s := NewSlates(HasItemProbabilities)
	for position := range 2 {
		row := SlateRow{Sample: Sample{Position: position, QTarget: math.NaN()}, ItemPropensity: 0.5, ItemTarget: 1}
		if _, err := s.Add(&row); err != nil {
			t.Error(err)
		}
	}
}

func TestSlatesHaveALargestLength(t *testing.T) {
	s := NewSlates(HasItemProbabilities)
	for position := range MaxSlots + 1 {
		row := validSlot(1, position)
		_, err := s.Add(&row)
		var wrong *SlateError
		if tooLong := errors.As(err, &wrong); tooLong != (position == MaxSlots) {
			t.Fatalf("error %v at position %d", err, position)
		}
	}
}

func TestMissingSlateColumns(t *testing.T) {
	got := HasItemProbabilities.Missing(CascadeDR{}.Needs() | HasItemProbabilities)
	if want := []string{"pscore_cascade", "eval_pscore_cascade", "q_logged", "q_pi_e"}; !slices.Equal(got, want) {
		t.Errorf("missing %q, want %q", got, want)
	}
	if !(HasItemProbabilities | HasSlateModel).Has(HasSlateModel) || HasItemProbabilities.Has(HasSlateModel) {
		t.Error("Has is not that of a set")
	}
}

// slotTwin is what SlotMoments say, from all slates at once: the value, and the mean square of influences over n-1.
func slotTwin(slates [][]Terms, counts []float64, slots int) (value, variance float64) {
	total := 0.0
	present, ratios, weights := make([]float64, slots), make([]float64, slots), make([]float64, slots)
	for i, slate := range slates {
		total += counts[i]
		for l, x := range slate {
			present[l] += counts[i]
			ratios[l] += counts[i] * x.Ratio
			weights[l] += counts[i] * x.Weight
		}
	}
	for l := range slots {
		value += present[l] / total * ratios[l] / weights[l]
	}
	squares, n := 0.0, float64(len(slates))
	for i, slate := range slates {
		influence := -value * counts[i] / total
		for l, x := range slate {
			theta := ratios[l] / weights[l]
			influence += counts[i] / total * theta
			influence += present[l] / total * counts[i] * (x.Ratio - theta*x.Weight) / weights[l]
		}
		squares += influence * influence
	}
	return value, squares * n / (n - 1)
}

// Slates of several lengths, the longer ones late, and of several counts.
func TestSlotMomentsAreThoseOfAllSlates(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var m SlotMoments
	var slates [][]Terms
	var counts []float64
	for i := range 1000 {
		slate := make([]Terms, 1+rng.IntN(1+min(i/100, 3)))
		for l := range slate {
			w := rng.ExpFloat64()
			slate[l] = Terms{Ratio: w * (rng.Float64() + 1000), Weight: w}
		}
		counts = append(counts, 1+float64(rng.IntN(3)))
		slates = append(slates, slate)
		m.Add(slate, counts[i])
	}
	if m.Slots() != 4 || m.Slates() != 1000 {
		t.Fatalf("%d slots in %v slates, want 4 in 1000", m.Slots(), m.Slates())
	}
	value, variance := slotTwin(slates, counts, m.Slots())
	if math.Abs(m.Value()/value-1) > 1e-12 {
		t.Errorf("value %v, want %v", m.Value(), value)
	}
	if math.Abs(m.Variance()/variance-1) > 1e-9 {
		t.Errorf("variance %v, want %v", m.Variance(), variance)
	}
}

// With slots of one length SlotMoments of a single slot are Moments.
func TestSlotMomentsOfOneSlotAreMoments(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	var one SlotMoments
	var plain Moments
	for range 500 {
		w, count := rng.ExpFloat64(), 1+rng.Float64()
		x := Terms{Ratio: w * rng.Float64(), Weight: w}
		one.Add([]Terms{x}, count)
		plain.Add(Terms{Count: count, Ratio: x.Ratio * count, Weight: x.Weight * count})
	}
	plain.Flush()
	if math.Abs(one.Value()/plain.Value(true)-1) > 1e-12 || math.Abs(one.Variance()/plain.Variance(true)-1) > 1e-9 {
		t.Errorf("%v ± %v, want %v ± %v", one.Value(), one.Variance(), plain.Value(true), plain.Variance(true))
	}
}

func TestSlotMomentsOfNothingAreNaN(t *testing.T) {
	var m SlotMoments
	if !math.IsNaN(m.Value()) || !math.IsNaN(m.Variance()) {
		t.Errorf("%v ± %v, want NaN", m.Value(), m.Variance())
	}
	m.Add([]Terms{{Ratio: 1, Weight: 1}, {}}, 1)
	if !math.IsNaN(m.Value()) || m.Slot(0) != 1 {
		t.Errorf("value %v with a slot of no weight, want NaN; slot 0 %v, want 1", m.Value(), m.Slot(0))
	}
}

// Names and needs are what a user sees of an estimator; the probabilities that it needs are those that it reads.
func TestSlateEstimatorNamesAndNeeds(t *testing.T) {
	type named interface {
		Name() string
		Needs() SlateColumns
	}
	for want, e := range map[string]named{
		"sips": SIPS{}, "snsips": SNSIPS{}, "iips": IIPS{}, "sniips": SNIIPS{}, "rips": RIPS{}, "snrips": SNRIPS{},
		"cascade_dr": CascadeDR{}, "pseudo_inverse": PseudoInverse{},
	} {
		if e.Name() != want {
			t.Errorf("name %q, want %q", e.Name(), want)
		}
		row := SlateRow{Sample: Sample{Reward: 1}}
		needs := e.Needs()
		if needs.Has(HasSlateProbabilities) {
			row.Propensity, row.Target = 0.5, 0.5
		}
		if needs.Has(HasItemProbabilities) {
			row.ItemPropensity, row.ItemTarget = 0.5, 0.5
		}
		if needs.Has(HasCascadeProbabilities) {
			row.CascadePropensity, row.CascadeTarget = 0.5, 0.5
		}
		var x Terms
		switch e := e.(type) {
		case SlateEstimator:
			x = e.Terms([]SlateRow{row})
		case SlotEstimator:
			x = e.AppendTerms(nil, []SlateRow{row})[0]
		}
		if x.Linear+x.Ratio != 1 {
			t.Errorf("%s of the logging policy itself is %v, want the reward 1", want, x)
		}
	}
}

func ExampleSlates() {
	slates := NewSlates(HasCascadeProbabilities)
	var sum Moments
	take := func(slate []SlateRow) {
		if len(slate) > 0 {
			terms := RIPS{}.Terms(slate)
			terms.Count = 1
			sum.Add(terms)
		}
	}
	for _, row := range []SlateRow{
		{Slate: 7, Sample: Sample{Position: 0, Reward: 1}, CascadePropensity: 0.5, CascadeTarget: 0.25},
		{Slate: 7, Sample: Sample{Position: 1, Reward: 0}, CascadePropensity: 0.2, CascadeTarget: 0.1},
		{Slate: 9, Sample: Sample{Position: 0, Reward: 0}, CascadePropensity: 0.5, CascadeTarget: 0.75},
		{Slate: 9, Sample: Sample{Position: 1, Reward: 1}, CascadePropensity: 0.3, CascadeTarget: 0.6},
	} {
		complete, err := slates.Add(&row)
		if err != nil {
			fmt.Println(err)
			return
		}
		take(complete)
	}
	take(slates.Last())
	sum.Flush()
	fmt.Printf("%s: %.2f per slate\n", RIPS{}.Name(), sum.Value(false))
	// Output: rips: 1.25 per slate
}

func BenchmarkSlates(b *testing.B) {
	b.ReportAllocs()
	s := newSampler(newSlateWorld(interactions[0].mean), rand.New(rand.NewPCG(1, 1)))
	rows := s.draw(nil)
	together := NewSlates(HasSlateProbabilities | HasItemProbabilities | HasCascadeProbabilities | HasSlateModel)
	var moments Moments
	var ratios SlotMoments
	var terms []Terms
	id := uint64(0)
	for b.Loop() {
		id++
		for i := range rows {
			rows[i].Slate = id
			slate, err := together.Add(&rows[i])
			if err != nil {
				b.Fatal(err)
			}
			if len(slate) > 0 {
				x := CascadeDR{}.Terms(slate)
				x.Count = 1
				moments.Add(x)
				terms = SNRIPS{}.AppendTerms(terms[:0], slate)
				ratios.Add(terms, 1)
			}
		}
	}
}
