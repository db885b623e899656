package ope

import (
	"fmt"
	"math"
	"strings"
)

// Verdict says in words whether the log can answer what the policy would have earned.
type Verdict struct {
	// Answers is false where any reason to refuse was found.
	Answers bool
	// Refusals are those reasons, Warnings what a reader should know all the same, each a sentence.
	Refusals, Warnings []string
	// Advice says what the log would need: more decisions, or which exploration. Empty where it answers.
	Advice string
	// Bound is what can be said without support for all of the policy: its value is between these, if rewards keep to the
	// range that was given or seen. Both NaN where it was not needed.
	BoundLower, BoundUpper float64
}

// Limits from which on an evaluation is refused.
const (
	// mostMeanWeightZ is how many standard errors the mean weight may be away from 1 (Li, Chu, Langford, Wang, Unbiased
	// offline evaluation of contextual-bandit-based news article recommendation algorithms, 2011, for the check itself).
	mostMeanWeightZ = 4
	// leastEffective is the least effective sample, leastEffectiveShare the least as a share of all samples: below either,
	// a handful of rows decides, and neither the estimate nor its interval can be trusted (Owen, Monte Carlo theory,
	// methods and examples, 2013, section 9.3).
	leastEffective      = 100
	leastEffectiveShare = 0.01
	// leastUnits is how many units there must be: the variance of sums over fewer is not known (Cameron, Miller, A
	// practitioner's guide to cluster-robust inference, 2015, section VI).
	leastUnits = 30
	// mostTopWeight is how much of the weight the heaviest 1% of samples may hold.
	mostTopWeight = 0.5
	// mostUnsupported is how much of the policy may be on actions that the log cannot show.
	mostUnsupported = 0.01
	// mostCalibrationZ is from where on an action was served more often than its propensities allow: 5 keeps the chance
	// of a false alarm over 4096 actions below 0.2%.
	mostCalibrationZ = 5
	// leastDriftP is from where on a drift of rewards is told, and mostCensored the share of decisions with unknown rewards.
	leastDriftP  = 0.001
	mostCensored = 0.05
)

// verdict judges an evaluation by its diagnostics. Least and most are the range of rewards that bounds are made of.
func verdict(given Columns, d *Diagnostics, supported, least, most float64) Verdict {
	v := Verdict{BoundLower: math.NaN(), BoundUpper: math.NaN()}
	switch {
	case d.N == 0:
		v.refuse("There are no decisions to evaluate on.")
		v.Advice = "Evaluate on a log with decisions whose reward windows have closed, or count open ones with what they are " +
			"worth so far."
	case !given.Has(HasPropensity):
		v.refuse("The propensities (pscore) are missing: without the probability with which each action was served, the " +
			"log says what happened and not what would have happened.")
		v.Advice = "Log the exact probability of each served action."
	case !given.Has(HasTarget):
		v.refuse("The evaluated policy's probabilities (pi_e) are missing.")
		v.Advice = "Give the probability with which the evaluated policy would have served each logged action."
	default:
		v.judgeSupport(d, supported, least, most)
		v.judgeWeights(d)
		v.Advice = advice(&v, d)
	}
	v.warn(d)
	v.Answers = len(v.Refusals) == 0
	return v
}

func (v *Verdict) refuse(format string, args ...any) {
	v.Refusals = append(v.Refusals, fmt.Sprintf(format, args...))
}

func (v *Verdict) judgeSupport(d *Diagnostics, supported, least, most float64) {
	if len(d.Unmet) > 0 {
		v.refuse("The policy also has actions that no decision could serve, and nothing is known about them: %s.", listed(d.Unmet))
	}
	if !(d.Unsupported > mostUnsupported) {
		return
	}
	v.BoundLower, v.BoundUpper = supported+d.Unsupported*least, supported+d.Unsupported*most
	v.refuse("%.3g%% of what the policy would serve could not have been logged: nothing is known about it. With rewards "+
		"between %.4g and %.4g the value is between %.4g and %.4g.",
		100*d.Unsupported, least, most, v.BoundLower, v.BoundUpper)
}

func (v *Verdict) judgeWeights(d *Diagnostics) {
	if d.StoodIn >= d.N+d.Censored {
		v.refuse("The policy could not do what it is for in any decision, such as serve an action that was never possible: " +
			"these are the values of what stood in for it.")
	}
	if math.Abs(d.MeanWeightZ) > mostMeanWeightZ && !v.explainedBySupport(d) {
		v.refuse("The mean weight is %.4g, %.1f standard errors away from 1: %s.", d.MeanWeight, math.Abs(d.MeanWeightZ),
			meanWeightMeans(d))
	}
	v.judgeEffective(d)
	if d.TopWeight > mostTopWeight {
		v.refuse("The heaviest 1%% of the decisions hold %.0f%% of the weight.", 100*d.TopWeight)
	}
	if math.Abs(d.CalibrationZ) > mostCalibrationZ {
		v.refuse("Served actions are not as probable as the logged distributions say (%.1f standard deviations away): the "+
			"logged probabilities are not those of what was served.", d.CalibrationZ)
	}
	if d.Calibration.Excess > mostCalibrationZ {
		v.refuse("Action number %d was served more often than its propensities say (%.1f standard errors): the logged "+
			"probabilities are not those of what was served.", d.Calibration.ExcessAction, d.Calibration.Excess)
	}
}

func (v *Verdict) judgeEffective(d *Diagnostics) {
	effective, kind := d.Effective(), "effective sample"
	if effective < d.EffectiveSample {
		kind = "effective sample that the two policies make expect (the log happened to show fewer heavy weights)"
	}
	if d.Units < leastUnits {
		v.refuse("All decisions are of %.0f units, such as users: between so few, chance cannot be told from what they are.", d.Units)
	}
	switch {
	case effective < leastEffective:
		v.refuse("The %s is %.1f of %.0f decisions, under %d: a handful of them decides.", kind, effective, d.N, leastEffective)
	case effective < leastEffectiveShare*d.N:
		v.refuse("The %s is %.1f of %.0f decisions, under 1%%: the policy does what the log rarely shows.", kind, effective, d.N)
	}
}

// listed names a few, and says how many more there are.
func listed(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// explainedBySupport reports whether a mean weight below 1 is just the mass that is known to be without support.
func (v *Verdict) explainedBySupport(d *Diagnostics) bool {
	return d.Unsupported > mostUnsupported &&
		math.Abs(d.MeanWeight+d.Unsupported-1) <= mostMeanWeightZ*d.MeanWeightError
}

func meanWeightMeans(d *Diagnostics) string {
	if d.MeanWeight < 1 {
		return "the policy serves actions that the log could not, or the propensities are too large"
	}
	return "the propensities are too small, or the evaluated policy's probabilities are not of the served actions"
}

// advice says what would make a log answer.
func advice(v *Verdict, d *Diagnostics) string {
	if len(v.Refusals) == 0 {
		return ""
	}
	if math.Abs(d.MeanWeightZ) > mostMeanWeightZ && !(d.Unsupported > mostUnsupported) {
		return "Check that each propensity is the probability of the action that was really served, over the actions that " +
			"were possible, after every filter and fallback."
	}
	text := "Drawing a share e of the traffic uniformly over the K possible actions gives every policy support, and an effective " +
		"sample of at least e/K of the decisions: the limits ask for e = K/100 and for 100 K/e decisions."
	if share := d.Effective() / d.N; share >= leastEffectiveShare && share*d.N < leastEffective {
		text = fmt.Sprintf("About %.0f decisions like these are needed, or more exploration. ", leastEffective/share) + text
	}
	return text
}

func (v *Verdict) warn(d *Diagnostics) {
	add := func(format string, args ...any) { v.Warnings = append(v.Warnings, fmt.Sprintf(format, args...)) }
	if d.Drift.P < leastDriftP {
		add("Rewards moved over the log (p = %.2g): the value is that of the logged period, not of tomorrow.", d.Drift.P)
	}
	if all := d.N + d.Censored; d.Censored > mostCensored*all {
		add("The rewards of %.1f%% of the decisions are not known yet: their windows are open.", 100*d.Censored/all)
	}
	if d.NotServed > 0 && d.NotServed > mostCensored*(d.N+d.NotServed) {
		add("%.0f decisions say nothing about the policy (fallbacks, never activated): the value is that of the others.",
			d.NotServed)
	}
	if d.StoodIn > 0 && d.StoodIn < d.N+d.Censored {
		add("In %.3g%% of the decisions the policy could not do what it is for, such as serve an action that was not possible; "+
			"the baseline or what was possible stood in.", 100*d.StoodIn/(d.N+d.Censored))
	}
	if d.Unsupported > 0 && d.Unsupported <= mostUnsupported {
		add("%.2g%% of what the policy would serve could not have been logged.", 100*d.Unsupported)
	}
}
