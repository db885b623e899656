// Package contacttest says what a keeper of contacts does: every implementation passes Run.
package contacttest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/guardrail"
)

// Keeper is what is tested.
type Keeper interface {
	decision.ContactSource
	SetSuppressed(ctx context.Context, user string, channels []string) error
}

// Run tests keepers that share one memory, as replicas do, against what decision.ContactSource promises. newKeepers returns
// one or more of them with nothing in it.
func Run(t *testing.T, newKeepers func(t *testing.T) []Keeper) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, k []Keeper)
	}{
		{"nobody is known at first", nobody},
		{"what was served takes the hold's place", settled},
		{"what reached nobody leaves nothing", released},
		{"the newest come first", newestFirst},
		{"the same event holds one place", heldOnce},
		{"suppressions", suppressions},
		{"a cap of three permits three of a thousand at once", capOfThree},
		{"holds push nothing out", manyHolds},
		{"any id", anyID},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, newKeepers(t)) })
	}
}

var start = time.UnixMilli(1_800_000_000_000).UTC()

func holdOf(event string, at time.Time) decision.Hold {
	return decision.Hold{Loop: "shop", Event: event, UnixMillis: at.UnixMilli()}
}

func hold(t *testing.T, k Keeper, user string, h decision.Hold) guardrail.UserContacts {
	t.Helper()
	state, err := k.FetchHolding(t.Context(), user, nil, h)
	if err != nil || !state.Contacts.Known {
		t.Fatalf("contacts known %t, error %v", state.Contacts.Known, err)
	}
	return state.Contacts
}

// eventually waits for what Settle does behind its caller's back.
func eventually(t *testing.T, k Keeper, user string, want []guardrail.Contact) {
	t.Helper()
	probe := holdOf("probe", start.Add(time.Hour))
	var diff string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var others []guardrail.Contact
		for _, c := range hold(t, k, user, probe).Recent {
			if c.Event != probe.Event {
				others = append(others, c)
			}
		}
		if diff = cmp.Diff(want, others); diff == "" {
			return
		}
	}
	t.Errorf("contacts (-want +got): %s", diff)
}

func reachedBy(event, action string, at time.Time) guardrail.Contact {
	return guardrail.Contact{At: at, Event: event, Loop: "shop", Action: action, Channel: "email", Tags: []string{"spring", "legal"}}
}

func nobody(t *testing.T, ks []Keeper) {
	if c := hold(t, ks[0], "ann", holdOf("e1", start)); len(c.Recent)+len(c.Suppressed) != 0 {
		t.Errorf("%+v of somebody who was never reached", c)
	}
}

func settled(t *testing.T, ks []Keeper) {
	h := holdOf("e1", start)
	hold(t, ks[0], "ann", h)
	if c := hold(t, ks[len(ks)-1], "ann", holdOf("e2", start)); len(c.Recent) != 1 || !c.Recent[0].Held || c.Recent[0].Loop != "shop" {
		t.Errorf("%+v, want the hold of the other event", c.Recent)
	}
	ks[0].Settle("ann", holdOf("e2", start), nil)
	ks[0].Settle("ann", h, []guardrail.Contact{reachedBy("e1", "a", start)})
	eventually(t, ks[0], "ann", []guardrail.Contact{reachedBy("e1", "a", start)})
}

func released(t *testing.T, ks []Keeper) {
	hold(t, ks[0], "ann", holdOf("e1", start))
	ks[0].Settle("ann", holdOf("e1", start), nil)
	eventually(t, ks[0], "ann", nil)
}

func newestFirst(t *testing.T, ks []Keeper) {
	var want []guardrail.Contact
	for i := range 5 {
		at := start.Add(time.Duration(i) * time.Minute)
		h := holdOf(fmt.Sprint("e", i), at)
		hold(t, ks[0], "ann", h)
		c := reachedBy(h.Event, "a", at)
		ks[0].Settle("ann", h, []guardrail.Contact{c})
		want = append([]guardrail.Contact{c}, want...)
	}
	eventually(t, ks[0], "ann", want)
}

func heldOnce(t *testing.T, ks []Keeper) {
	for range 3 {
		hold(t, ks[0], "ann", holdOf("e1", start))
	}
	if c := hold(t, ks[0], "ann", holdOf("e2", start)); len(c.Recent) != 1 {
		t.Errorf("%d places are held by one event", len(c.Recent))
	}
}

func suppressions(t *testing.T, ks []Keeper) {
	for _, want := range [][]string{{"email", "push"}, {guardrail.EveryChannel}, nil} {
		if err := ks[0].SetSuppressed(t.Context(), "ann", want); err != nil {
			t.Fatal(err)
		}
		c := hold(t, ks[len(ks)-1], "ann", holdOf("e1", start))
		if diff := cmp.Diff(want, c.Suppressed); diff != "" {
			t.Errorf("suppressed (-want +got): %s", diff)
		}
		if other := hold(t, ks[0], "bob", holdOf("e1", start)); len(other.Suppressed) != 0 {
			t.Errorf("somebody else is suppressed: %q", other.Suppressed)
		}
	}
}

func capOfThree(t *testing.T, ks []Keeper) {
	policy := &guardrail.ContactPolicy{Caps: []guardrail.Cap{{Name: "weekly", Limit: 3, Window: 7 * 24 * time.Hour}}}
	actions := []guardrail.Subject{{ID: "a", Channel: "email"}}
	const callers = 1000
	var permitted atomic.Int64
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			k, h := ks[i%len(ks)], holdOf(fmt.Sprint("e", i), start.Add(time.Duration(i%7)*time.Millisecond))
			state, err := k.FetchHolding(context.Background(), "ann", nil, h)
			if err != nil {
				t.Error(err)
				return
			}
			why := []string{""}
			policy.Evaluate(why, actions, &guardrail.ContactQuery{Loop: "shop", Event: h.Event, Now: start.Add(time.Second), Contacts: state.Contacts})
			if why[0] != "" {
				k.Settle("ann", h, nil)
				return
			}
			permitted.Add(1)
			k.Settle("ann", h, []guardrail.Contact{reachedBy(h.Event, "a", start)})
		})
	}
	all.Wait()
	if n := permitted.Load(); n != 3 {
		t.Errorf("%d of %d at once were permitted, want 3", n, callers)
	}
	// They still count when everything has settled.
	left := -1
	for deadline := time.Now().Add(10 * time.Second); left != 3 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		left = 0
		for _, c := range hold(t, ks[0], "ann", holdOf("probe", start.Add(time.Hour))).Recent {
			if !c.Held {
				left++
			} else if c.Event != "probe" {
				left = -1000
			}
		}
	}
	if left != 3 {
		t.Errorf("%d contacts are left, want 3", left)
	}
}

// manyHolds is far more than are kept of settled contacts: those in flight must not push out what has happened.
func manyHolds(t *testing.T, ks []Keeper) {
	first := holdOf("first", start)
	hold(t, ks[0], "ann", first)
	for i := range 1500 {
		hold(t, ks[0], "ann", holdOf(fmt.Sprint("h", i), start.Add(time.Second)))
	}
	ks[0].Settle("ann", first, []guardrail.Contact{reachedBy("first", "a", start)})
	for i := range 1500 {
		ks[0].Settle("ann", holdOf(fmt.Sprint("h", i), start.Add(time.Second)), nil)
	}
	eventually(t, ks[0], "ann", []guardrail.Contact{reachedBy("first", "a", start)})
}

func anyID(t *testing.T, ks []Keeper) {
	for _, user := range []string{"{a}", "a b", "\"]", "ümläut", "{", "}"} {
		h := decision.Hold{Loop: "shop", Event: "e\"1", UnixMillis: start.UnixMilli()}
		hold(t, ks[0], user, h)
		c := guardrail.Contact{At: start, Event: "e\"1", Loop: "shop", Action: "a\n", Channel: "", Tags: nil}
		ks[0].Settle(user, h, []guardrail.Contact{c})
		eventually(t, ks[0], user, []guardrail.Contact{c})
	}
}
