package learn

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/model"
)

// settling notes with what an event was settled, and passes it on.
type settling struct {
	model.Estimator
	rewards *[]float64
}

func (s settling) Settle(x *model.Example, reward, weight float64) {
	*s.rewards = append(*s.rewards, reward)
	s.Estimator.Settle(x, reward, weight)
}

// What a Joiner settles is what the learner's fold puts into its model, in the same order, and its counts of outcomes
// are the fold's; what it has open is what the fold has open.
func TestJoinerAgainstTheModel(t *testing.T) {
	settledEvents := 0
	rapid.Check(t, func(t *rapid.T) {
		f := drawFile(t)
		def := must(compileFile("shop", f.bytes()))
		var want, got []float64
		fold := newLoopFold(def)
		fold.estimator = settling{fold.estimator, &want}
		last := eventlog.Position(0)
		j := NewJoiner(def, func(s Settled) {
			if s.Decision <= last || !s.Ended || s.State == Open {
				t.Fatalf("settled %+v after %d", s, last)
			}
			last = s.Decision
			for _, slot := range s.Slots {
				if s.State == Closed && slot.Examined {
					got = append(got, slot.Reward)
				}
			}
		})
		now := 1_000_000 * second
		records := rapid.IntRange(1, 80).Draw(t, "records")
		for pos := eventlog.Position(1); pos <= eventlog.Position(records); pos++ {
			r := drawRecord(t, &now)
			poison, _ := fold.apply(pos, r)
			if joined, _ := j.Apply(pos, r); joined != poison {
				t.Fatalf("poison %q, the fold has %q", joined, poison)
			}
		}
		if len(got) != len(want) || j.fold.counts.rewards != fold.counts.rewards {
			t.Fatalf("%v settled, the model has %v; outcomes %v, the fold has %v", got, want, j.fold.counts.rewards, fold.counts.rewards)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("settled %v, the model has %v", got, want)
			}
		}
		settledEvents += len(got)
		compareOpen(t, j, fold)
	})
	if settledEvents == 0 {
		t.Error("nothing was settled")
	}
}

func compareOpen(t *rapid.T, j *Joiner, fold *loopFold) {
	open := fold.queue.all()
	j.Open(func(s Settled) {
		e := open[0]
		open = open[1:]
		if s.Decision != e.position || s.Ended || s.Activated != e.activated || s.State != e.state(false) {
			t.Fatalf("open %+v, the fold has %+v", s, e)
		}
		for i := range s.Slots {
			worth, rewarded := fold.spec().worth(e.rewards, i)
			if s.Slots[i].Reward != worth || s.Slots[i].Rewarded != rewarded {
				t.Fatalf("open %+v, the fold has %v", s, worth)
			}
		}
	})
	if len(open) > 0 {
		t.Fatalf("%d open events are missing", len(open))
	}
}
