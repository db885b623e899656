package evaluate

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
)

const pageFile = `
version: 1
name: shop
actions: [{id: a}, {id: b}, {id: c}, {id: d}]
slots: {position: context, reward_model: cascade}
reward: {reward_wait_time: 1h}
`

// playPages fills pages of three places, the first time in four of two, and has users scan them from the top.
func playPages(s *scribe, n int) {
	rng := rand.New(rand.NewPCG(91, 92))
	slots := []decision.SlotSpec{{ID: "top"}, {ID: "side", Excluded: []string{"b"}}, {ID: "end"}}
	pays := map[string]float64{"a": 0.2, "b": 0.5, "c": 0.4, "d": 0.1}
	for i := range n {
		of := slots
		if rng.IntN(4) == 0 {
			of = slots[1:]
		}
		r := s.rank(decision.Request{Loop: "shop", Slots: of})
		for k := range r.Choices {
			if rng.Float64() < pays[r.Actions[r.Choices[k].Served()].ID] {
				s.reward(r, r.Slots[k].ID, 1)
				break
			}
		}
		s.wait(time.Minute)
		if i%20 == 19 {
			s.cut("shop")
		}
	}
	s.wait(2 * time.Hour)
	s.cut("shop")
}

// Evaluations look at each slot as the service did: the loop's own file gives the logged probabilities to the bit, where
// position is context and rewards are of cascades. One that leaves either out learns otherwise, which shows that it counts.
// Every slot is evaluated, examined or not: what it was worth is what happened.
func TestPositionIsJudgedAsItDecided(t *testing.T) {
	s := newScribe(t)
	s.put("shop", pageFile)
	playPages(s, 400)
	without := func(words string) Candidate {
		return LoopFile("without "+words, compiled(strings.Replace(pageFile, words, "", 1)))
	}
	l, rows := read(t, Options{Data: s.data, Loop: "shop", Candidates: []Candidate{
		LoopFile("own", compiled(pageFile)), without("position: context, "), without(", reward_model: cascade"),
		LoopFile("blind", compiled(strings.Replace(pageFile, "position: context", "position: ignore", 1))),
	}})
	var differ [4]int
	slots := 0
	for _, r := range rows {
		slots++
		for k, x := range r.Samples {
			if x.Target != x.Propensity {
				differ[k]++
			}
		}
	}
	if differ[0] != 0 || differ[1] != 0 { // context is the default of a file with slots
		t.Errorf("the loop's own file differs from the log in %d and %d of %d slots", differ[0], differ[1], slots)
	}
	if differ[2] < slots/2 || differ[3] < slots/2 {
		t.Errorf("independent rewards differ in %d of %d slots, no position in %d", differ[2], slots, differ[3])
	}
	if c := l.Counts(); c.Evaluated != 400 || slots < 1000 || c.NoSnapshot != 0 {
		t.Errorf("%d slots; %+v", slots, c)
	}
}
