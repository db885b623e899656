package model

import (
	"fmt"
	"testing"

	"github.com/nextbest/nextbest/features"
)

// TestWhatIsOpenBeforeFeaturesIsTakenOutAsItCame has rewards arrive for examples that were encoded before any action had
// features, when others with features are open: those alone stay provisional for the shared weights.
func TestWhatIsOpenBeforeFeaturesIsTakenOutAsItCame(t *testing.T) {
	m, early := NewMixture(MixtureOptions{}), make([]Example, 30)
	context := features.Set{{Name: "x", Value: features.NumberValue(1)}}
	for i := range early {
		m.Observe(context, nil)
		early[i] = m.Encode(context, Candidate{ID: fmt.Sprint(i % 3)})
		m.Provisional(&early[i], 0, 1)
	}
	late := Candidate{ID: "late", Features: features.Set{{Name: "q", Value: features.NumberValue(2)}}}
	m.Observe(context, []Candidate{late})
	open := m.Encode(context, late)
	m.Provisional(&open, 0, 1)
	m.Provisional(&open, 0, 1)
	for i := range early {
		m.Provisional(&early[i], 0, -1)
		m.Provisional(&early[i], 1, 1)
		checkNew(t, m, context, late)
	}
	for i := range early {
		m.Provisional(&early[i], 1, -1)
		checkNew(t, m, context, late)
		m.Settle(&early[i], 1, 1)
		checkNew(t, m, context, late)
	}
}

// checkNew wants a new action to be expected to be worth what was seen: rewards from 0 to 1.
func checkNew(t *testing.T, m *Mixture, context features.Set, like Candidate) {
	t.Helper()
	p, err := m.Predictor()
	if err != nil {
		t.Fatal(err)
	}
	if e := p.Estimate(nil, context, []Candidate{{ID: "new", Features: like.Features}})[0]; e.Mean < -0.5 || e.Mean > 1.5 {
		t.Fatalf("a new action is expected to be worth %g, of rewards from 0 to 1", e.Mean)
	}
}
