package ope

import "math"

// Diagnostics say how far a log can carry an evaluation. Weights are w = π_e(a|x) / π_b(a|x), over the probability with which
// the record was kept.
type Diagnostics struct {
	// N is how many samples there are, and Stands how many decisions they stand for: more where records were dropped.
	N, Stands float64
	// EffectiveSample is (Σ w)² / Σ w² (Kish, Survey sampling, 1965), MostWeight the largest weight, NoWeight the share of
	// samples with weight 0, TopWeight the share of all weight that the top 1% of the samples hold.
	EffectiveSample, MostWeight, NoWeight, TopWeight float64
	// ExpectedEffective is what the effective sample is expected to be from Σ_a π_e²/π_b: far below the one seen where the
	// heavy weights were not. NaN where the logging policy is not known.
	ExpectedEffective float64
	// MeanWeight is 1 up to chance where the propensities are right and every action that the policy takes could be
	// logged; MeanWeightError is its standard error, and MeanWeightZ how many of them it is away from 1.
	MeanWeight, MeanWeightError, MeanWeightZ float64
	// LeastPropensity is the smallest of the log.
	LeastPropensity float64
	// Unsupported is the mean probability that the policy gives to actions that could not be logged, NaN where unknown.
	Unsupported float64
	// Units is how many different units there are, DefaultGroups at most, and EffectiveUnits how many of equal weight would
	// say as much, (Σ w_u)² / Σ w_u². NaN where there are none.
	Units, EffectiveUnits float64
	// MeanKept is the mean probability with which a decision was kept.
	MeanKept float64
	// Logger is the logging policy evaluated on itself: weight 1 everywhere, so its value is the mean reward.
	Logger Estimate
	// RewardLeast and RewardMost are the extremes of the logged rewards.
	RewardLeast, RewardMost float64
	// Drift is how the reward moved over the log.
	Drift Drift
	// Calibration compares propensities with what was served, for each action.
	Calibration Calibration
	Known
}

// diagnosing folds samples into diagnostics, in constant memory.
type diagnosing struct {
	given       Columns
	weights     Moments // Ratio: w/kept, Weight: 1/kept
	rewards     Moments
	n, zero     float64
	sum, square float64 // of w/kept
	most, least float64
	lightest    float64 // weight
	model       float64 // Σ of q_π/kept
	unsupported float64
	supported   float64 // Σ w·r/kept
	expected    float64 // Σ of the expected squares of w/kept
	spread      weightHistogram
	drift       drifting
	calibration calibrating

	// Sums over units, where there are any, and otherwise empty.
	weightsOfUnits, rewardsOfUnits Groups
}

func newDiagnosing(given Columns) *diagnosing {
	return &diagnosing{given: given, least: math.Inf(1), lightest: math.Inf(1), drift: newDrifting(), calibration: newCalibrating()}
}

// add takes a sample that has been checked.
func (d *diagnosing) add(s *Sample, at place) {
	stands := at.stands
	d.n++
	rewards := Terms{Count: stands, Ratio: s.Reward * stands, Weight: stands}
	d.rewards.Add(rewards)
	if at.group >= 0 {
		d.rewardsOfUnits.AddUnit(at.group, rewards)
	}
	d.model += s.QTarget * stands
	d.drift.add(s.Reward)
	if d.given.Has(HasUnsupported) {
		d.unsupported += s.Unsupported * stands
	}
	if !d.given.Has(HasPropensity) {
		return
	}
	d.least = min(d.least, s.Propensity)
	if d.given.Has(HasAction) {
		d.calibration.add(s.Action, stands/s.Propensity)
	}
	if d.given.Has(HasTarget) {
		d.expected += s.ExpectedSquare * stands * stands
		d.supported += s.weight() * stands * s.Reward
		d.addWeight(s.weight()*stands, at)
	}
}

func (d *diagnosing) addWeight(w float64, at place) {
	weights := Terms{Count: at.stands, Ratio: w, Weight: at.stands}
	d.weights.Add(weights)
	if at.group >= 0 {
		d.weightsOfUnits.AddUnit(at.group, weights)
	}
	d.lightest = min(d.lightest, w)
	d.sum += w
	d.square += w * w
	d.most = max(d.most, w)
	if w == 0 {
		d.zero++
	}
	d.spread.add(w)
}

// diagnostics sums up what was added. Alpha is that of the logger's interval.
func (d *diagnosing) diagnostics(alpha float64) Diagnostics {
	d.rewards.Flush()
	d.weights.Flush()
	out := Diagnostics{
		N: d.n, Stands: d.rewards.Mean[weight] * d.n, MeanKept: 1 / d.rewards.Mean[weight],
		EffectiveSample: math.NaN(), ExpectedEffective: math.NaN(), MostWeight: math.NaN(), NoWeight: math.NaN(), TopWeight: math.NaN(),
		MeanWeight: math.NaN(), MeanWeightError: math.NaN(), MeanWeightZ: math.NaN(),
		LeastPropensity: math.NaN(), Unsupported: math.NaN(),
		Units: math.NaN(), EffectiveUnits: math.NaN(),
		Logger: selfEvaluation(&d.rewards, d.rewardsOfUnits.or(&d.rewards), alpha), RewardLeast: math.NaN(), RewardMost: math.NaN(),
		Drift: d.drift.drift(designEffect(&d.rewards, &d.rewardsOfUnits)), Calibration: d.calibration.calibration(d.n, d.rewards.Mean[weight]*d.n, designEffect(&d.weights, &d.weightsOfUnits)),
	}
	if d.n == 0 {
		out.Stands, out.MeanKept = 0, math.NaN()
		return out
	}
	out.RewardLeast, out.RewardMost = d.drift.least, d.drift.most
	if d.given.Has(HasUnsupported) {
		out.Unsupported = d.unsupported / out.Stands
	}
	if d.given.Has(HasPropensity) {
		out.LeastPropensity = d.least
	}
	if d.given.Has(HasPropensity | HasTarget) {
		d.describeWeights(&out)
	}
	return out
}

func (d *diagnosing) describeWeights(out *Diagnostics) {
	if d.given.Has(HasUnit) {
		out.Units, out.EffectiveUnits = float64(len(d.weightsOfUnits.Sums)), d.weightsOfUnits.effective()
	}
	out.MostWeight, out.NoWeight, out.TopWeight = d.most, d.zero/d.n, d.spread.top(0.01*d.n)
	out.EffectiveSample = 0
	if d.square > 0 {
		out.EffectiveSample = d.sum * (d.sum / d.square)
	}
	if d.given.Has(HasExpectedSquare) && d.expected > 0 {
		out.ExpectedEffective = out.Stands * (out.Stands / d.expected)
	}
	out.MeanWeight = d.weights.Value(true)
	out.MeanWeightError = math.Sqrt(d.weightsOfUnits.or(&d.weights).Variance(true))
	out.MeanWeightZ = standardised(out.MeanWeight-1, out.MeanWeightError)
}

// Effective is the effective sample to rely on: the smaller of the one seen and the one expected.
func (d *Diagnostics) Effective() float64 {
	if d.ExpectedEffective < d.EffectiveSample {
		return d.ExpectedEffective
	}
	return d.EffectiveSample
}

// supportedValue is the part of the policy's value that comes from what could be logged, by IPS.
func (d *diagnosing) supportedValue() float64 { return d.supported / (d.rewards.Mean[weight] * d.n) }

// standardised returns how many standard errors a difference is: 0 for none, infinite where there is one without error.
func standardised(difference, standardError float64) float64 {
	if math.Abs(difference) <= tolerance {
		return 0
	}
	return difference / standardError
}

// seen is what intervals need of the diagnostics.
func (d *diagnosing) seen(of *Diagnostics, rewards Range) seen {
	return seen{
		effective: of.Effective(), rewards: rewards, heavy: d.square / d.sum, light: d.lightest,
		model: d.model / of.Stands, unit: d.rewardsOfUnits.meanSize(),
	}
}

// selfEvaluation is the value of the logging policy, whose weights are 1, with the spread of units where there are any.
func selfEvaluation(rewards, spread *Moments, alpha float64) Estimate {
	e := Estimate{Name: "online", Value: math.NaN(), Lower: math.Inf(-1), Upper: math.Inf(1), Lambda: math.NaN()}
	if rewards.N == 0 {
		return e
	}
	e.Value, e.StandardError = rewards.Value(true), math.Sqrt(spread.Variance(true))
	i := Delta(spread, true, alpha)
	e.Lower, e.Upper, e.Interval = i.Lower, i.Upper, i.Method
	return e
}
