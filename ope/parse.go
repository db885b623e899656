package ope

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Spec is an estimator that was asked for by name. One of the others is set: Tuning where its λ is to be chosen from the
// samples, Weighted where the weights of several logging policies are, Slate or Slot where it is one of slates.
type Spec struct {
	Name      string // exactly as asked
	Unable    string // why it cannot be computed, whatever the samples have; usually empty
	Estimator Estimator
	Tuning    *Tuning
	Weighted  *MultiWeighted // without samples: it is copied for use
	Slate     SlateEstimator
	Slot      SlotEstimator
}

// Needs returns the columns without which it cannot be computed; none of an estimator of slates, which has SlateNeeds.
func (s Spec) Needs() Columns {
	switch {
	case s.OfSlates():
		return 0
	case s.Tuning != nil:
		return s.Tuning.Needs()
	case s.Weighted != nil:
		return s.Weighted.Needs()
	}
	return s.Estimator.Needs()
}

// form is an estimator as it can be asked for: alone; with a parameter, "dros(100)"; or with a rule that chooses the
// parameter, "dros+slope".
type form struct {
	name     string
	at       func(lambda float64) Estimator      // called with 0 where it takes no λ
	weighted func(lambda float64) *MultiWeighted // in the place of at
	slate    SlateEstimator                      // likewise, without a λ
	slot     SlotEstimator                       // likewise
	takes    scale                               // of the λ in brackets
	tunes    scale                               // of the λ that a rule chooses
}

// scale is which values a λ can have.
type scale struct {
	least, most float64   // inclusive
	usual       float64   // where none is given
	grid        []float64 // to choose from: see Tuning.Grid
}

func (s scale) none() bool { return s.grid == nil }

// forms is every estimator that has a name, in the order of the documentation.
func forms() []form {
	clip, threshold, squares, mixing := scales()
	return []form{
		{name: "ips", at: clippedIPS, tunes: clip},
		{name: "ips_clipped", at: clippedIPS, takes: clip},
		{name: "snips", at: fixed(SNIPS{})},
		{name: "dm", at: fixed(DM{})},
		{name: "dr", at: clippedDR, tunes: clip},
		{name: "dr_clipped", at: clippedDR, takes: clip},
		{name: "sndr", at: fixed(SNDR{})},
		{name: "switch_dr", at: func(l float64) Estimator { return SwitchDR{l} }, takes: threshold, tunes: threshold},
		{name: "dros", at: func(l float64) Estimator { return DROS{l} }, takes: squares, tunes: squares},
		{name: "sg_ips", at: func(l float64) Estimator { return SGIPS{l} }, takes: mixing, tunes: mixing},
		{name: "sg_dr", at: func(l float64) Estimator { return SGDR{l} }, takes: mixing, tunes: mixing},
		{name: "replay", at: fixed(Replay{})},
		{name: "mips", at: fixed(MIPS{})},
		{name: "snmips", at: fixed(SNMIPS{})},
		{name: "multi_ips", at: func(l float64) Estimator { return MultiIPS{Clip: l} }},
		{name: "multi_dr", at: func(l float64) Estimator { return MultiDR{Clip: l} }},
		{name: "multi_bal", at: func(l float64) Estimator { return BalancedIPS{Clip: l} }},
		{name: "multi_bal_dr", at: func(l float64) Estimator { return BalancedDR{Clip: l} }},
		{name: "multi_weighted", weighted: func(l float64) *MultiWeighted { return &MultiWeighted{Clip: l} }},
		{name: "multi_weighted_dr", weighted: func(l float64) *MultiWeighted { return &MultiWeighted{Clip: l, DR: true} }},
		{name: "sips", slate: SIPS{}},
		{name: "snsips", slate: SNSIPS{}},
		{name: "iips", slate: IIPS{}},
		{name: "sniips", slot: SNIIPS{}},
		{name: "rips", slate: RIPS{}},
		{name: "snrips", slot: SNRIPS{}},
		{name: "cascade_dr", slate: CascadeDR{}},
		{name: "pseudo_inverse", slate: PseudoInverse{}},
	}
}

func fixed(e Estimator) func(float64) Estimator { return func(float64) Estimator { return e } }

func clippedIPS(lambda float64) Estimator { return IPS{Clip: lambda} }
func clippedDR(lambda float64) Estimator  { return DR{Clip: lambda} }

// scales are of the largest weight, of the largest that is trusted more than the model, of squared weights, and of mixing 1
// into the weights. What is usual takes at most 1% from weights up to 10, so that only extreme ones suffer: on the eight
// synthetic reference logs with weights below 70 it moved no estimate by more than 0.006 of the true value (a λ of 100 for
// dros moved one by 0.2); on the ninth, with a weight of 421, by 0.07 to 0.32. The first three grids are the reference's.
func scales() (clip, threshold, squares, mixing scale) {
	weights := []float64{1, 5, 10, 50, 100, 500, 1000, 5000, 10000, math.Inf(1)}
	clip = scale{least: math.SmallestNonzeroFloat64, most: math.Inf(1), usual: 100, grid: weights}
	threshold = scale{least: 0, most: math.Inf(1), usual: 100, grid: weights}
	squares = scale{least: 0, most: math.Inf(1), usual: 10000, grid: weights}
	mixing = scale{least: 0, most: 1, usual: 0.001,
		grid: []float64{0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0005, 0.0001, 0.00001, 0}}
	return clip, threshold, squares, mixing
}

// wanted says what a λ must be.
func (s scale) wanted() string {
	switch {
	case s.most < math.Inf(1):
		return fmt.Sprintf("from %g to %g", s.least, s.most)
	case s.least > 0:
		return "above 0"
	}
	return "0 or more"
}

// rules are the rules by name.
func rules() []struct {
	name string
	rule Rule
} {
	return []struct {
		name string
		rule Rule
	}{{"slope", Slope}, {"mse", MSEBound}, {"mse_point", MSEPoint}}
}

// EstimatorNames returns every name that ParseEstimators knows, without parameters: "ips", ..., "dros+slope", ...
func EstimatorNames() (names []string) {
	for _, f := range forms() {
		names = append(names, f.name)
	}
	for _, f := range forms() {
		for _, r := range rules() {
			if !f.tunes.none() {
				names = append(names, f.name+"+"+r.name)
			}
		}
	}
	return names
}

// SlateEstimatorNames returns those of the names that are of estimators of slates.
func SlateEstimatorNames() (names []string) {
	for _, f := range forms() {
		if f.slate != nil || f.slot != nil {
			names = append(names, f.name)
		}
	}
	return names
}

// ParseEstimators returns what is asked for by names such as "ips", "switch_dr", "switch_dr(20)" and "dr+slope", in their
// order. lambda is for those that take a parameter and are asked for without; where it is NaN they have defaults. It is
// an error to ask for the same name twice.
func ParseEstimators(names []string, lambda float64) ([]Spec, error) {
	specs := make([]Spec, 0, len(names))
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("estimator %s is asked for twice", name)
		}
		spec, err := parseEstimator(name, lambda)
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

func parseEstimator(name string, lambda float64) (Spec, error) {
	base, bracket, bracketed := strings.Cut(name, "(")
	base, rule, ruled := strings.Cut(base, "+")
	i := slices.IndexFunc(forms(), func(f form) bool { return f.name == base })
	if i < 0 {
		return Spec{}, unknown(name)
	}
	f := forms()[i]
	switch {
	case bracketed && (ruled || strings.Contains(bracket, ")+")):
		return Spec{}, fmt.Errorf("estimator %s: a rule chooses λ, and takes none in brackets", name)
	case ruled:
		return f.tuned(name, rule)
	case bracketed:
		return f.bracketed(name, bracket)
	case f.takes.none():
		return f.spec(name, 0), nil
	case math.IsNaN(lambda):
		return f.spec(name, f.takes.usual), nil
	}
	return f.withCommon(name, lambda), nil
}

// withCommon is with a λ that was given for all estimators: where it is none of this one's, the estimator cannot be computed,
// while the others can.
func (f form) withCommon(name string, lambda float64) Spec {
	spec, err := f.with(name, lambda)
	if err != nil {
		spec = f.spec(name, f.takes.usual)
		spec.Unable = fmt.Sprintf("λ is %g, want it %s", lambda, f.takes.wanted())
	}
	return spec
}

func (f form) tuned(name, rule string) (Spec, error) {
	for _, r := range rules() {
		if r.name == rule && !f.tunes.none() {
			return Spec{Name: name, Tuning: &Tuning{At: f.at, Grid: f.tunes.grid, Rule: r.rule}}, nil
		}
	}
	return Spec{}, unknown(name)
}

func (f form) bracketed(name, bracket string) (Spec, error) {
	if f.takes.none() {
		return Spec{}, fmt.Errorf("estimator %s: %s takes no parameter%s", name, f.name, f.instead())
	}
	text, closed := strings.CutSuffix(bracket, ")")
	lambda, err := strconv.ParseFloat(text, 64)
	if !closed || err != nil || math.IsNaN(lambda) {
		return Spec{}, fmt.Errorf("estimator %s: want a number in the brackets, as in %s(%g)", name, f.name, f.takes.usual)
	}
	return f.with(name, lambda)
}

// instead suggests the clipped form of an estimator that takes no λ.
func (f form) instead() string {
	for _, g := range forms() {
		if g.name == f.name+"_clipped" {
			return fmt.Sprintf(", %s(%g) does", g.name, g.takes.usual)
		}
	}
	return ""
}

func (f form) with(name string, lambda float64) (Spec, error) {
	if lambda < f.takes.least || lambda > f.takes.most {
		return Spec{}, fmt.Errorf("estimator %s: λ is %g, want it %s, as in %s(%g)",
			name, lambda, f.takes.wanted(), f.name, f.takes.usual)
	}
	return f.spec(name, lambda), nil
}

func (f form) spec(name string, lambda float64) Spec {
	switch {
	case f.slate != nil || f.slot != nil:
		return Spec{Name: name, Slate: f.slate, Slot: f.slot}
	case f.weighted != nil:
		return Spec{Name: name, Weighted: f.weighted(lambda)}
	}
	return Spec{Name: name, Estimator: f.at(lambda)}
}

// unknown suggests the nearest of the known names, if one is near.
func unknown(name string) error {
	known := EstimatorNames()
	best, distance := "", 4
	base, _, _ := strings.Cut(name, "(")
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(base), k); d < distance && 2*d < len(k) {
			best, distance = k, d
		}
	}
	all := strings.Join(known, ", ")
	if best == "" {
		return fmt.Errorf("unknown estimator %q: the estimators are %s", name, all)
	}
	return fmt.Errorf("unknown estimator %q: did you mean %s? The estimators are %s", name, best, all)
}
