package learn

import (
	"fmt"
	"math"
	"slices"

	"github.com/nextbest/nextbest/decision"
)

// redecide makes a logged decision again and says what came out otherwise first, or "".
func redecide(s *decision.Snapshot, logged *decision.Record) string {
	in := logged.Input
	if in.FromCatalogue {
		if !sameIDs(in.Actions, s.Loop.Actions) {
			return "the catalogue of the snapshot is another than the logged candidates"
		}
		in.Actions = s.Loop.Actions
	}
	out, err := decision.Decide(s, &in)
	if err != nil {
		return fmt.Sprintf("it cannot be made again: %v", err)
	}
	return compareOutcomes(&out, &logged.Outcome)
}

func sameIDs(a, b []decision.Action) bool {
	return slices.EqualFunc(a, b, func(x, y decision.Action) bool { return x.ID == y.ID })
}

// compareOutcomes names the first difference between what was made again and what was logged.
func compareOutcomes(made, logged *decision.Outcome) string {
	switch {
	case made.Arm != logged.Arm:
		return fmt.Sprintf("arm %q, logged %q", made.Arm, logged.Arm)
	case made.Cold != logged.Cold:
		return fmt.Sprintf("cold %t, logged %t", made.Cold, logged.Cold)
	case made.Fallback != logged.Fallback:
		return fmt.Sprintf("fallback %q, logged %q", made.Fallback, logged.Fallback)
	case made.Policy != logged.Policy:
		return fmt.Sprintf("policy %q, logged %q", made.Policy, logged.Policy)
	case made.Mode != logged.Mode:
		return fmt.Sprintf("learning mode %v, logged %v", made.Mode, logged.Mode)
	case len(made.Choices) != len(logged.Choices):
		return fmt.Sprintf("%d slots, logged %d", len(made.Choices), len(logged.Choices))
	}
	for i := range made.Choices {
		if what := compareChoices(&made.Choices[i], &logged.Choices[i]); what != "" {
			return fmt.Sprintf("slot %d: %s", i, what)
		}
	}
	return ""
}

func compareChoices(made, logged *decision.Choice) string {
	switch {
	case !sameBits(made.Draw, logged.Draw):
		return fmt.Sprintf("draw %v, logged %v", made.Draw, logged.Draw)
	case !slices.Equal(made.Excluded, logged.Excluded):
		return fmt.Sprintf("excluded %v, logged %v", made.Excluded, logged.Excluded)
	case len(made.Ranking) != len(logged.Ranking):
		return fmt.Sprintf("%d actions were eligible, logged %d", len(made.Ranking), len(logged.Ranking))
	case made.WouldHaveChosen != logged.WouldHaveChosen:
		return fmt.Sprintf("the policy would have chosen %d, logged %d", made.WouldHaveChosen, logged.WouldHaveChosen)
	}
	for i := range made.Ranking {
		m, l := &made.Ranking[i], &logged.Ranking[i]
		switch {
		case m.Action != l.Action:
			return fmt.Sprintf("action %d at rank %d, logged %d", m.Action, i, l.Action)
		case !sameBits(m.Probability, l.Probability):
			return fmt.Sprintf("action %d has probability %v, logged %v", m.Action, m.Probability, l.Probability)
		case !sameBits(m.Score, l.Score):
			return fmt.Sprintf("action %d has score %v, logged %v", m.Action, m.Score, l.Score)
		}
	}
	return ""
}

func sameBits(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }
