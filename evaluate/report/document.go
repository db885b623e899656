// Package report is what an evaluation found, for those who read it: as one document for machines, as text for a terminal,
// and as a page with pictures.
package report

import (
	"math"

	"github.com/nextbest/nextbest/evaluate"
	"github.com/nextbest/nextbest/ope"
)

// Document is an evaluation of one policy or several. Its first level is that of the first policy. Fields are added, never
// renamed.
type Document struct {
	Policy
	// Source says what was read.
	Source Source `json:"source"`
	// Alpha is the probability with which an interval may miss.
	Alpha float64 `json:"alpha"`
	// Policies are all of them, where there are several.
	Policies []Policy `json:"policies,omitempty"`
	// Gate is there where it was asked for.
	Gate *Gate `json:"gate,omitempty"`
}

// All returns the policies, also where there is one.
func (d *Document) All() []Policy {
	if len(d.Policies) > 0 {
		return d.Policies
	}
	return []Policy{d.Policy}
}

// Source is the file or the log that was evaluated on.
type Source struct {
	Table string `json:"table,omitempty"` // the file
	Data  string `json:"data,omitempty"`  // the data directory
	Loop  string `json:"loop,omitempty"`
	Rows  int64  `json:"rows"`
	// Slates is how many slates the rows are, where they are slots of slates: each is one decision.
	Slates int64 `json:"slates,omitempty"`
	// Skipped counts records that are no decisions, and LeftOut the decisions that were not evaluated, by reason.
	Skipped int64            `json:"skipped,omitempty"`
	LeftOut map[string]int64 `json:"left_out,omitempty"`
	// RewardLeast and RewardMost are the range of rewards that bounds rest on, where it is known.
	RewardLeast *float64 `json:"reward_least,omitempty"`
	RewardMost  *float64 `json:"reward_most,omitempty"`
	// Calibration compares the logged distributions with what was served; of our own log alone.
	Calibration *evaluate.Calibration `json:"calibration,omitempty"`
}

// Policy is what was found about one policy.
type Policy struct {
	Name        string      `json:"policy,omitempty"`
	Estimates   []Estimate  `json:"estimates"`
	Gain        *Estimate   `json:"gain,omitempty"`          // over the logging policy
	GainAlways  *Estimate   `json:"gain_sequence,omitempty"` // the same, with an interval that may be looked at at all times
	Diagnostics Diagnostics `json:"diagnostics"`
	Verdict     Verdict     `json:"verdict"`
	Slots       []Slot      `json:"slots,omitempty"`
}

// Slot is what was found about one slot.
type Slot struct {
	Position  int        `json:"position"`
	Estimates []Estimate `json:"estimates"`
	Gain      *Estimate  `json:"gain,omitempty"`
	Verdict   Verdict    `json:"verdict"`
}

// Estimate is an estimate; a number that does not exist is null.
type Estimate struct {
	Name          string   `json:"name"`
	Value         *float64 `json:"value"`
	Lower         *float64 `json:"lower"`
	Upper         *float64 `json:"upper"`
	Interval      string   `json:"interval,omitempty"`
	StandardError *float64 `json:"standard_error,omitempty"`
	Lambda        *float64 `json:"lambda,omitempty"`
	NotComputable string   `json:"not_computable,omitempty"`
}

// Diagnostics are ope.Diagnostics.
type Diagnostics struct {
	N               float64             `json:"n"`
	Stands          float64             `json:"stands_for"`
	EffectiveSample *float64            `json:"effective_sample"`
	ExpectedSample  *float64            `json:"expected_effective_sample,omitempty"`
	MostWeight      *float64            `json:"max_weight"`
	MeanWeight      *float64            `json:"mean_weight"`
	MeanWeightError *float64            `json:"mean_weight_standard_error"`
	MeanWeightZ     *float64            `json:"mean_weight_z"`
	NoWeight        *float64            `json:"share_without_weight"`
	TopWeight       *float64            `json:"top_1_percent_weight"`
	LeastPropensity *float64            `json:"min_propensity"`
	Unsupported     *float64            `json:"unsupported"`
	Unmet           []string            `json:"unmet_actions,omitempty"` // that the policy has and no decision could serve
	Units           *float64            `json:"units,omitempty"`
	EffectiveUnits  *float64            `json:"effective_units,omitempty"`
	Damaged         float64             `json:"damaged"` // places of the log
	MeanKept        *float64            `json:"keep_probability"`
	Censored        float64             `json:"censored"`
	CensoredShare   *float64            `json:"censored_share"`
	NotServed       float64             `json:"not_served"`
	StoodIn         float64             `json:"stood_in"`
	Logger          Estimate            `json:"logger"` // on itself: weight 1
	DriftP          *float64            `json:"reward_drift_p"`
	Drift           []DriftPart         `json:"reward_drift,omitempty"`
	Calibration     []ActionCalibration `json:"calibration,omitempty"`
}

// DriftPart is the mean reward of one part of the log.
type DriftPart struct {
	N             float64  `json:"n"`
	Mean          *float64 `json:"mean"`
	StandardError *float64 `json:"standard_error"`
}

// ActionCalibration compares an action's propensities with how often it was served.
type ActionCalibration struct {
	Action string   `json:"action"`
	N      float64  `json:"n"`
	Mean   *float64 `json:"mean_inverse_propensity"`
	Z      *float64 `json:"z"`
}

// Verdict is ope.Verdict.
type Verdict struct {
	Answers    bool     `json:"answers"`
	Text       string   `json:"text"`
	Refusals   []string `json:"refusals,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
	Advice     string   `json:"advice,omitempty"`
	BoundLower *float64 `json:"bound_lower,omitempty"`
	BoundUpper *float64 `json:"bound_upper,omitempty"`
}

// Gate is whether a build may go on.
type Gate struct {
	Passed bool   `json:"passed"`
	Reason string `json:"reason"`
}

// NewPolicy describes a result. actions are the names of the actions by number.
func NewPolicy(name string, r *ope.Result, actions []string) Policy {
	return Policy{
		Name: name, Estimates: estimates(r.Estimates), Gain: gain(&r.Gain), GainAlways: gain(&r.GainSequence),
		Diagnostics: diagnostics(&r.Diagnostics, actions), Verdict: newVerdict(&r.Verdict),
	}
}

// NewSlot describes the result of one slot.
func NewSlot(position int, r *ope.Result) Slot {
	return Slot{Position: position, Estimates: estimates(r.Estimates), Gain: gain(&r.Gain), Verdict: newVerdict(&r.Verdict)}
}

func estimates(of []ope.Estimate) []Estimate {
	out := make([]Estimate, len(of))
	for i := range of {
		out[i] = estimate(&of[i])
	}
	return out
}

func gain(e *ope.Estimate) *Estimate {
	if e.Unable != "" {
		return nil
	}
	out := estimate(e)
	return &out
}

func estimate(e *ope.Estimate) Estimate {
	return Estimate{
		Name: e.Name, Value: finite(e.Value), Lower: finite(e.Lower), Upper: finite(e.Upper), Interval: e.Interval,
		StandardError: finite(e.StandardError), Lambda: finite(e.Lambda), NotComputable: e.Unable,
	}
}

func diagnostics(d *ope.Diagnostics, actions []string) Diagnostics {
	out := Diagnostics{
		N: d.N, Stands: d.Stands, EffectiveSample: finite(d.EffectiveSample), ExpectedSample: finite(d.ExpectedEffective), MostWeight: finite(d.MostWeight),
		MeanWeight: finite(d.MeanWeight), MeanWeightError: finite(d.MeanWeightError), MeanWeightZ: finite(d.MeanWeightZ),
		NoWeight: finite(d.NoWeight), TopWeight: finite(d.TopWeight), LeastPropensity: finite(d.LeastPropensity),
		Unsupported: finite(d.Unsupported), MeanKept: finite(d.MeanKept), Censored: d.Censored, NotServed: d.NotServed, StoodIn: d.StoodIn,
		Unmet: d.Unmet, Units: finite(d.Units), EffectiveUnits: finite(d.EffectiveUnits), Damaged: d.Damaged,
		CensoredShare: finite(d.Censored / (d.N + d.Censored)), Logger: estimate(&d.Logger), DriftP: finite(d.Drift.P),
	}
	for _, p := range d.Drift.Parts {
		out.Drift = append(out.Drift, DriftPart{p.N, finite(p.Mean), finite(p.StandardError)})
	}
	for _, a := range d.Calibration.Actions {
		out.Calibration = append(out.Calibration, ActionCalibration{named(actions, a.Action), a.N, finite(a.Mean), finite(a.Z)})
	}
	return out
}

func named(actions []string, number int) string {
	if number < len(actions) {
		return actions[number]
	}
	return "others"
}

// finite returns nil for what JSON cannot say.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
