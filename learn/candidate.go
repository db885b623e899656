package learn

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// candidate is a snapshot that was made and is not served yet.
type candidate struct {
	snapshot *decision.Snapshot
	sha256   [sha256.Size]byte // of the model's bytes
}

// materialise makes the snapshot of the cut that the loop's fold has just reached, and validates it.
func (l *loopFold) materialise() (c candidate, err error) {
	defer recovered(&err)
	s, err := l.snapshot()
	if err != nil {
		return c, err
	}
	b, err := s.Model.AppendBinary(nil)
	if err != nil {
		return c, fmt.Errorf("encode the model: %w", err)
	}
	c.sha256 = sha256.Sum256(b)
	c.snapshot = s
	s.ID = l.snapshotID(c.sha256)
	return c, validate(s, l.spec())
}

// snapshot makes the snapshot of the fold's present state, without an id and not validated.
func (l *loopFold) snapshot() (*decision.Snapshot, error) {
	p, err := l.estimator.Predictor()
	if err != nil {
		return nil, fmt.Errorf("make the model: %w", err)
	}
	return &decision.Snapshot{Number: l.cut, Loop: l.definition.Loop, Model: p}, nil
}

// recovered makes an error of a panic: a bug of ours that must cost one model, not the service.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("make the model: panic: %v", p)
	}
}

// snapshotID is the number with the first digits of a hash over the model and the loop file: whoever has the id knows
// whether two processes mean the same.
func (l *loopFold) snapshotID(model [sha256.Size]byte) string {
	h := sha256.New()
	h.Write(model[:])
	h.Write([]byte(l.definition.SHA256))
	return fmt.Sprintf("%d-%x", l.cut, h.Sum(nil)[:4])
}

// validate refuses a model that must not be served: it is asked for estimates of probes that depend on the loop file
// alone, which must be finite and bounded, and the policy must make probabilities of them.
func validate(s *decision.Snapshot, spec *RewardSpec) error {
	if d := s.Model.RewardDeviation(); !finite(d) || d < 0 {
		return fmt.Errorf("the rewards' deviation is %v", d)
	}
	actions := probeActions(s.Loop)
	for i, context := range probeContexts(s.Loop) {
		bound := maxExtrapolation
		if len(context) == 0 {
			bound = estimateBound(spec)
		}
		estimates := s.Model.Estimate(nil, context, actions)
		if err := validEstimates(estimates, len(actions), bound); err != nil {
			return fmt.Errorf("probe %d: %w", i, err)
		}
		p := make([]float64, len(estimates))
		s.Loop.Policy.Probabilities(p, estimates, s.Model.RewardDeviation(), model.EventsOf(estimates))
		if err := validProbabilities(p); err != nil {
			return fmt.Errorf("probe %d: %w", i, err)
		}
	}
	return nil
}

// maxExtrapolation bounds an estimate for a context with numbers in it. A probe knows nothing of a feature's scale: 1000
// is a million times what was seen of one in millionths, and a linear model rightly follows. What is far out has to be
// a number that the policies can work with, no more.
const maxExtrapolation = 1e100

// estimateBound is how far an estimate may be where nothing is known, which is the middle of what was seen: a linear
// model may well leave the range of the rewards, but not by orders of magnitude.
func estimateBound(spec *RewardSpec) float64 {
	reach := max(math.Abs(spec.Default), math.Abs(spec.Min), math.Abs(spec.Max))
	for _, m := range spec.Metrics {
		reach = max(reach, math.Abs(m.Weight)*max(math.Abs(spec.Min), math.Abs(spec.Max)))
	}
	if !finite(reach) || reach > MaxReward {
		reach = MaxReward
	}
	return 1000 * (1 + reach) * MaxRewardsPerEvent
}

func validEstimates(estimates []model.Estimate, want int, bound float64) error {
	if len(estimates) != want {
		return fmt.Errorf("%d estimates for %d actions", len(estimates), want)
	}
	for _, e := range estimates {
		if !finite(e.Mean) || !finite(e.Variance) || e.Variance < 0 {
			return fmt.Errorf("an estimate is %v with variance %v", e.Mean, e.Variance)
		}
		if math.Abs(e.Mean) > bound {
			return fmt.Errorf("an estimate is %v, beyond %v", e.Mean, bound)
		}
	}
	return nil
}

func validProbabilities(p []float64) error {
	sum := 0.0
	for _, x := range p {
		if !(x >= 0 && x <= 1) {
			return fmt.Errorf("a probability is %v", x)
		}
		sum += x
	}
	if math.Abs(sum-1) > 1e-9 {
		return errors.New("the probabilities do not sum to 1")
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// maxProbeActions bounds the work of validating a large catalogue.
const maxProbeActions = 50

// probeActions are the first of the catalogue, and one that no model has seen.
func probeActions(l *decision.Loop) []model.Candidate {
	if l.Send != nil {
		return probeHours()
	}
	actions := make([]model.Candidate, 0, maxProbeActions+1)
	for _, a := range l.Actions[:min(len(l.Actions), maxProbeActions)] {
		actions = append(actions, model.Candidate{ID: a.ID, Features: l.Schema.MergeAction(nil, a.Features)})
	}
	return append(actions, model.Candidate{ID: "\x00probe"})
}

// probeHours are the hours of a week, and not to send.
func probeHours() []model.Candidate {
	const week = 7 * 24
	hours := make([]model.Candidate, week, week+1)
	for i := range hours {
		hours[i].Features = features.Set{{Name: model.HourFeature, Value: features.NumberValue(float64(i))}}
	}
	return append(hours, model.Candidate{ID: decision.DoNotSend})
}

// probeContexts are nothing known at all; the defaults; every declared feature at an ordinary value; and every number far
// out.
func probeContexts(l *decision.Loop) []features.Set {
	sets := []features.Set{nil}
	for _, number := range []float64{0, 1, 1000} {
		context, user := probeSet(l.Schema.Context, number), probeSet(l.Schema.User, number)
		if number == 0 {
			context, user = nil, nil
		}
		sets = append(sets, l.Schema.MergeForModel(nil, context, user))
	}
	return sets
}

func probeSet(fields []features.Field, number float64) features.Set {
	set := make(features.Set, len(fields))
	for i, f := range fields {
		set[i] = features.Feature{Name: f.Name, Value: probeValue(f, number)}
	}
	return set
}

func probeValue(f features.Field, number float64) features.Value {
	switch f.Type {
	case features.NumberType:
		return features.NumberValue(number)
	case features.BooleanType:
		return features.FlagValue(true)
	case features.VectorType:
		v := make([]float64, f.Dim)
		for i := range v {
			v[i] = number
		}
		return features.NumbersValue(v)
	case features.TagsType:
		return features.TextsValue([]string{"\x00probe"})
	default:
		return features.TextValue("\x00probe")
	}
}
