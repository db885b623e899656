package model

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nextbest/nextbest/features"
)

// offered is a set of actions whose texts are their words.
func offered(set int, words ...[]string) []Candidate {
	var all []Candidate
	for i, w := range words {
		all = append(all, Candidate{ID: fmt.Sprintf("s%d/%d", set, i), Features: features.Set{{Name: "headline", Value: features.TextsValue(w)}}})
	}
	return all
}

// played shows each action of sets so many times; the rate of one is base·(1 + effect) where it has the word 'wow'.
func played(s *Siblings, rng *rand.Rand, sets, shows int, effect float64) {
	for set := range sets {
		base := []float64{0.02, 0.2, 0.05}[set%3]
		actions := offered(set, []string{"a", fmt.Sprint("x", set)}, []string{"a", "wow"}, []string{"b", fmt.Sprint("y", set)})
		s.Observe(nil, actions)
		for i, a := range actions {
			rate := base
			if i == 1 {
				rate *= 1 + effect
			}
			x := s.Encode(nil, a)
			for range shows {
				reward := 0.0
				if rng.Float64() < rate {
					reward = 1
				}
				s.Settle(&x, reward, 1)
			}
		}
	}
}

func siblingEstimates(t *testing.T, s *Siblings, candidates []Candidate) []Estimate {
	t.Helper()
	p, err := s.Predictor()
	if err != nil {
		t.Fatal(err)
	}
	return p.Estimate(nil, nil, candidates)
}

func TestANewSetStartsFromWhatWordsHaveDone(t *testing.T) {
	for _, tc := range []struct {
		effect float64
		helps  bool
	}{{0.8, true}, {0, false}} {
		s := NewSiblings(ArmsOptions{})
		played(s, rand.New(rand.NewPCG(1, 1)), 40, 3000, tc.effect)
		next := offered(99, []string{"a", "new"}, []string{"a", "wow"}, []string{"b", "newer"})
		s.Observe(nil, next)
		e := siblingEstimates(t, s, next)
		lift := e[1].Mean/((e[0].Mean+e[2].Mean)/2) - 1
		if tc.helps && lift < 0.3 || !tc.helps && math.Abs(lift) > 0.05 {
			t.Errorf("a word worth %v lifts a new action by %v", tc.effect, lift)
		}
	}
}

// An action is pooled with its own set: what other sets are worth says nothing of it.
func TestActionsArePooledWithinTheirSets(t *testing.T) {
	s := NewSiblings(ArmsOptions{})
	played(s, rand.New(rand.NewPCG(2, 2)), 30, 2000, 0)
	for set, want := range map[int]float64{0: 0.02, 1: 0.2, 2: 0.05} {
		actions := append(offered(set, []string{"a"}, []string{"a"}, []string{"b"}), Candidate{ID: "late"})
		s.Observe(nil, actions)
		e := siblingEstimates(t, s, actions)
		if got := e[3].Mean; math.Abs(got/want-1) > 0.25 {
			t.Errorf("a late action among those worth %v is taken to be worth %v", want, got)
		}
		for i := range e {
			if !(e[i].Variance > 0) || e[i].Mean < 0 || e[i].Mean > 1 {
				t.Errorf("estimate %+v", e[i])
			}
		}
	}
}

func TestSiblingsComeBackFromTheirBytes(t *testing.T) {
	s := NewSiblings(ArmsOptions{})
	played(s, rand.New(rand.NewPCG(3, 3)), 12, 300, 0.5)
	x := s.Encode(nil, Candidate{ID: "s3/1"})
	s.Provisional(&x, 1, 1)
	b, err := s.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	again := NewSiblings(ArmsOptions{})
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if c, err := again.AppendBinary(nil); err != nil || !bytes.Equal(b, c) {
		t.Errorf("the bytes are others, %v", err)
	}
	bytesOf := func(s *Siblings) []byte {
		p, err := s.Predictor()
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if !bytes.Equal(bytesOf(s), bytesOf(again)) {
		t.Error("the models are others")
	}
	s.Provisional(&x, 1, -1)
	s.ClearProvisional()
	if bytes.Equal(bytesOf(s), bytesOf(again)) {
		t.Error("what was taken out is still there")
	}
	for i := range b { // Damage is told, or makes another state: never a panic.
		for _, damaged := range [][]byte{b[:i], append(append(append([]byte{}, b[:i]...), b[i]^0x41), b[i+1:]...)} {
			_ = NewSiblings(ArmsOptions{}).UnmarshalBinary(damaged)
		}
	}
}

// With rewards that are not 0 and 1 it is an Arms.
func TestSiblingsWithOtherRewards(t *testing.T) {
	s, a := NewSiblings(ArmsOptions{}), NewArms(ArmsOptions{})
	actions := offered(0, []string{"a"}, []string{"b"})
	s.Observe(nil, actions)
	a.Observe(nil, actions)
	for i := range 50 {
		x := s.Encode(nil, actions[i%2])
		s.Settle(&x, float64(i)*0.3-2, 1)
		a.Settle(&x, float64(i)*0.3-2, 1)
	}
	p, err := a.Predictor()
	if err != nil {
		t.Fatal(err)
	}
	got, want := siblingEstimates(t, s, actions), p.Estimate(nil, nil, actions)
	for i := range want {
		if got[i].Mean != want[i].Mean || got[i].Variance != want[i].Variance {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}

// Two that learned from different sets come together to what one had learned from all.
func TestSiblingsMerge(t *testing.T) {
	whole, a, b := NewSiblings(ArmsOptions{}), NewSiblings(ArmsOptions{}), NewSiblings(ArmsOptions{})
	rng := rand.New(rand.NewPCG(4, 4))
	for set := range 20 {
		part := a
		if set >= 10 {
			part = b
		}
		actions := offered(set, []string{"a", fmt.Sprint("x", set)}, []string{"wow"}, []string{"b"})
		for _, s := range []*Siblings{whole, part} {
			s.Observe(nil, actions)
		}
		for i, c := range actions {
			for range 200 {
				reward := 0.0
				if rng.Float64() < 0.05*float64(1+i) {
					reward = 1
				}
				for _, s := range []*Siblings{whole, part} {
					x := s.Encode(nil, c)
					s.Settle(&x, reward, 1)
				}
			}
		}
	}
	if err := a.Merge(b); err != nil {
		t.Fatal(err)
	}
	for set := range 20 {
		actions := offered(set, nil, nil, nil)
		got, want := siblingEstimates(t, a, actions), siblingEstimates(t, whole, actions)
		for i := range want {
			if math.Abs(got[i].Mean-want[i].Mean) > 1e-12 || got[i].Events != want[i].Events {
				t.Errorf("set %d: %+v, want %+v", set, got[i], want[i])
			}
		}
	}
	if err := a.Merge(NewSiblings(ArmsOptions{DefaultReward: 1})); err == nil {
		t.Error("another default reward was merged")
	}
}
