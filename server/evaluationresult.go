package server

import (
	"github.com/nextbest/nextbest/evaluate/report"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// resultOf translates a document. What it leaves out are the places of this machine, and the gate, which is for builds.
func resultOf(d *report.Document) *nextbestv1.EvaluationResult {
	first := policyOf(&d.Policy)
	m := &nextbestv1.EvaluationResult{
		Policy: first.Policy, Estimates: first.Estimates, Gain: first.Gain, GainSequence: first.GainSequence,
		Diagnostics: first.Diagnostics, Verdict: first.Verdict, Slots: first.Slots,
		Alpha: d.Alpha,
		Source: &nextbestv1.EvaluationSource{
			Loop: d.Source.Loop, Rows: d.Source.Rows, Skipped: d.Source.Skipped, LeftOut: d.Source.LeftOut,
			RewardLeast: d.Source.RewardLeast, RewardMost: d.Source.RewardMost, Calibration: calibrationOf(&d.Source),
		},
	}
	for i := range d.Policies {
		m.Policies = append(m.Policies, policyOf(&d.Policies[i]))
	}
	return m
}

func calibrationOf(s *report.Source) *nextbestv1.EvaluationCalibration {
	c := s.Calibration
	if c == nil {
		return nil
	}
	m := &nextbestv1.EvaluationCalibration{
		Slots: c.Slots, ServedProbability: c.ServedProbability, ExpectedProbability: c.ExpectedProbability, Z: c.Z,
	}
	for _, b := range c.Bins {
		m.Bins = append(m.Bins, &nextbestv1.CalibrationBin{
			Least: b.Least, Below: b.Below, Pairs: b.Pairs, Expected: b.Expected, Served: b.Served, Z: b.Z,
		})
	}
	return m
}

func policyOf(p *report.Policy) *nextbestv1.PolicyResult {
	m := &nextbestv1.PolicyResult{
		Policy: p.Name, Estimates: estimatesOf(p.Estimates), Gain: estimateOf(p.Gain), GainSequence: estimateOf(p.GainAlways),
		Diagnostics: diagnosticsOf(&p.Diagnostics), Verdict: verdictOf(&p.Verdict),
	}
	for _, s := range p.Slots {
		m.Slots = append(m.Slots, &nextbestv1.EvaluatedSlot{
			Position: int32(s.Position), Estimates: estimatesOf(s.Estimates), Gain: estimateOf(s.Gain), Verdict: verdictOf(&s.Verdict),
		})
	}
	return m
}

func estimatesOf(estimates []report.Estimate) (ms []*nextbestv1.PolicyEstimate) {
	for i := range estimates {
		ms = append(ms, estimateOf(&estimates[i]))
	}
	return ms
}

func estimateOf(e *report.Estimate) *nextbestv1.PolicyEstimate {
	if e == nil {
		return nil
	}
	return &nextbestv1.PolicyEstimate{
		Name: e.Name, Value: e.Value, Lower: e.Lower, Upper: e.Upper, Interval: e.Interval,
		StandardError: e.StandardError, Lambda: e.Lambda, NotComputable: e.NotComputable,
	}
}

func diagnosticsOf(d *report.Diagnostics) *nextbestv1.EvaluationDiagnostics {
	m := &nextbestv1.EvaluationDiagnostics{
		N: d.N, StandsFor: d.Stands, EffectiveSample: d.EffectiveSample,
		ExpectedEffectiveSample: d.ExpectedSample, MaxWeight: d.MostWeight, MeanWeight: d.MeanWeight,
		MeanWeightStandardError: d.MeanWeightError, MeanWeightZ: d.MeanWeightZ, ShareWithoutWeight: d.NoWeight,
		Top_1PercentWeight: d.TopWeight, MinPropensity: d.LeastPropensity, Unsupported: d.Unsupported,
		KeepProbability: d.MeanKept, Censored: d.Censored, CensoredShare: d.CensoredShare, NotServed: d.NotServed,
		Logger: estimateOf(&d.Logger), RewardDriftP: d.DriftP, StoodIn: d.StoodIn, UnmetActions: d.Unmet, Units: d.Units,
	}
	for _, p := range d.Drift {
		m.RewardDrift = append(m.RewardDrift, &nextbestv1.DriftPart{N: p.N, Mean: p.Mean, StandardError: p.StandardError})
	}
	for _, c := range d.Calibration {
		m.Calibration = append(m.Calibration, &nextbestv1.ActionCalibration{Action: c.Action, N: c.N, MeanInversePropensity: c.Mean, Z: c.Z})
	}
	return m
}

func verdictOf(v *report.Verdict) *nextbestv1.EvaluationVerdict {
	return &nextbestv1.EvaluationVerdict{
		Answers: v.Answers, Text: v.Text, Refusals: v.Refusals, Warnings: v.Warnings, Advice: v.Advice,
		BoundLower: v.BoundLower, BoundUpper: v.BoundUpper,
	}
}
