package ope

import (
	"math/rand/v2"
	"testing"
)

// users is a log in which each user keeps the action that was drawn at first (sticky), or likes an action better than others
// do (taste), so that the decisions of a user depend on each other. No policy gains anything.
type users struct {
	n, each       int
	sticky, taste bool
}

func (u users) result(t *testing.T, seed uint64) Result {
	t.Helper()
	e, err := New(basic|HasUnit, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 7))
	for user := range u.n {
		action, likes := rng.IntN(2), rng.IntN(2)
		for range u.each {
			if !u.sticky {
				action = rng.IntN(2)
			}
			s := Sample{Unit: uint64(user), Action: action, Propensity: 0.5, Target: [2]float64{0.1, 0.9}[action]}
			if chance := rng.Float64(); chance < 0.5 || u.taste && action == likes {
				s.Reward = 1
			}
			if err := e.Add(&s); err != nil {
				t.Fatal(err)
			}
		}
	}
	return e.Result(Known{})
}

// A sound log is refused for its weights, at 4 standard errors, once in 10,000: with standard errors of rows it was in 20 to
// 60 of 100. A gain is found where there is none in 2.5 of 100, and in 9 once in 1000 runs, whatever the seeds.
func TestDecisionsOfUsersDependOnEachOther(t *testing.T) {
	for _, u := range []users{
		{n: 400, each: 20, sticky: true}, {n: 1000, each: 50, sticky: true},
		{n: 80, each: 40, taste: true}, {n: 200, each: 10, taste: true, sticky: true},
	} {
		refused, gains := 0, 0
		for seed := range uint64(100) {
			r := u.result(t, seed)
			if !r.Verdict.Answers {
				refused++
			}
			if r.Gain.Lower > 0 {
				gains++
			}
		}
		t.Logf("%+v: %d refused, %d gains of 100", u, refused, gains)
		if refused > 1 || gains > 9 {
			t.Errorf("%+v: %d refused, %d gains of 100", u, refused, gains)
		}
	}
}

// Few users lose whatever they get, and each keeps a rare action or a common one: that none of those with the rare one lost
// says little, and a user is more than a decision. 150 logs: 3.75 gains where there is none, 10 once in 200 runs; it was 29.
func TestNothingIsGainedWhereFewUsersLose(t *testing.T) {
	gains := 0
	for seed := range uint64(150) {
		e, err := New(basic|HasUnit, nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, 9))
		for user := range 2000 {
			rare, loses := rng.Float64() < 0.1, rng.Float64() < 0.005
			s := Sample{Unit: uint64(user), Propensity: 0.9, Target: 0.1}
			if rare {
				s.Action, s.Propensity, s.Target = 1, 0.1, 0.9
			}
			if loses {
				s.Reward = -1
			}
			for range 5 {
				if err := e.Add(&s); err != nil {
					t.Fatal(err)
				}
			}
		}
		if e.Result(Known{}).Gain.Lower > 0 {
			gains++
		}
	}
	if gains > 10 {
		t.Errorf("%d gains of 150", gains)
	}
	t.Logf("%d gains of 150", gains)
}
