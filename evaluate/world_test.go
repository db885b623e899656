package evaluate

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
)

// shopFile is the loop of most tests: three actions, features of all three kinds, a window of an hour.
const shopFile = `
version: 1
name: shop
actions:
  - {id: a, features: {price: 1}}
  - {id: b, features: {price: 2}}
  - {id: c, features: {price: 3}}
features:
  context:
    device: {type: category}
    hour: {type: number, default: 12}
  user:
    visits: {type: number, default: 1}
  action:
    price: {type: number}
  undeclared: ignore
policy: {type: squarecb}
reward:
  reward_wait_time: 1h
  range: [0, 1]
`

// world is what users do: with probability pays[device][action] an event is worth 1, some time within the window.
type world struct {
	rng  *rand.Rand
	pays map[string]map[string]float64
	due  []dueReward
	seen []string // devices, in the order of decisions
	// zones is how many values a feature has that means nothing; 0 for no such feature.
	zones int
	every int // decisions from cut to cut
}

type dueReward struct {
	at     time.Time
	record *decision.Record
}

func newWorld(seed uint64) *world {
	return &world{every: 5, rng: rand.New(rand.NewPCG(seed, 1)), pays: map[string]map[string]float64{
		"mobile":  {"a": 0.1, "b": 0.3, "c": 0.5},
		"desktop": {"a": 0.6, "b": 0.3, "c": 0.1},
	}}
}

// play ranks n events, one a minute, cuts now and then, and pays rewards when they are due.
func (w *world) play(s *scribe, name string, n int) {
	for i := range n {
		s.wait(time.Minute)
		w.pay(s)
		r := s.rank(w.request(name, i))
		if w.rng.Float64() < w.pays[r.Context[0].Value.Text()][served(r)] {
			w.due = append(w.due, dueReward{s.now.Add(time.Duration(w.rng.IntN(40)) * time.Minute), r})
		}
		if i%w.every == w.every-1 {
			s.cut(name)
		}
	}
}

func (w *world) request(name string, i int) decision.Request {
	device := []string{"mobile", "desktop"}[w.rng.IntN(2)]
	w.seen = append(w.seen, device)
	context := features.Set{
		{Name: "device", Value: features.TextValue(device)},
		{Name: "hour", Value: features.NumberValue(float64(i % 24))},
	}
	if w.zones > 0 {
		context = append(context, features.Feature{Name: "zone", Value: features.TextValue(fmt.Sprint("z", w.rng.IntN(w.zones)))})
	}
	return decision.Request{Loop: name, UserID: fmt.Sprint("u", w.rng.IntN(500)), Context: context}
}

// pay sends the rewards that are due.
func (w *world) pay(s *scribe) {
	kept := w.due[:0]
	for _, d := range w.due {
		if d.at.After(s.now) {
			kept = append(kept, d)
			continue
		}
		s.reward(d.record, "", 1)
	}
	w.due = kept
}

// end lets every window end.
func (w *world) end(s *scribe, name string) {
	for len(w.due) > 0 {
		s.wait(time.Minute)
		w.pay(s)
	}
	s.wait(2 * time.Hour)
	s.cut(name)
}

// value returns what a fixed policy earns on the contexts that were seen, given its probabilities.
func (w *world) value(policy map[string]float64) float64 {
	sum := 0.0
	for _, device := range w.seen {
		for _, action := range []string{"a", "b", "c"} {
			sum += policy[action] * w.pays[device][action]
		}
	}
	return sum / float64(len(w.seen))
}
