package learn

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nextbest/nextbest/eventlog"
)

// A follower under the file that is in force at the end has the model of the learner, which folded under another file first,
// and tells of every event once, in the order of decisions, what the learner made of it.
func TestFollowerIsTheLearnersFold(t *testing.T) {
	first, last := shop(), shop()
	last.Default = 0.5
	last.Numbers = []string{"hour", "day"}
	rng := rand.New(rand.NewPCG(3, 4))
	log := newMemoryLog(changeTo(0, first))
	for i := range 200 {
		at, id := int64(i)*second, fmt.Sprint("e", i)
		if i == 120 {
			must(log.Append(t.Context(), changeTo(at, last), 0))
		}
		must(log.Append(t.Context(), decided(at, "shop", id, nil, []string{"a", "b", "c"}[rng.IntN(3)]), 0))
		must(log.Append(t.Context(), decided(at, "other", id, nil, "a"), 0)) // A loop without a file.
		if rng.IntN(2) == 0 {
			must(log.Append(t.Context(), rewarded(at+second/2, "shop", id, "r", rng.Float64()), 0))
		}
	}
	want := foldOf(t, nil, log)
	d := must(compileFile("shop", last.bytes()))
	var closed []Settled
	f := NewFollower(Following{Loop: "shop", Definition: d, Catalogue: d, Compile: compileFile, Ended: func(s Settled) {
		if len(s.Slots) != 1 {
			t.Fatalf("%+v", s)
		}
		closed = append(closed, s)
	}})
	c := log.Tail(1)
	for {
		pos, b, err := c.TryNext()
		if err != nil {
			break
		}
		f.Apply(pos, must(eventlog.Unmarshal(b)))
	}
	model := must(must(f.Snapshot()).Model.AppendBinary(nil))
	if !bytes.Equal(model, modelOf(t, want, "shop")) {
		t.Error("the follower's model is another than the learner's")
	}
	open := 0
	f.OpenEvents(func(s Settled) { open++ })
	counts := &want.loops["shop"].counts
	if got := counts.endings[Rewarded] + counts.endings[Defaulted]; uint64(len(closed)) != got || open != want.loops["shop"].queue.len() {
		t.Errorf("%d closed and %d open, want %d and %d", len(closed), open, got, want.loops["shop"].queue.len())
	}
	for i := range closed {
		if i > 0 && closed[i].Decision <= closed[i-1].Decision || closed[i].State != Closed {
			t.Fatalf("event %d: %+v", i, closed[i])
		}
	}
}
