// Package storetest says what a catalogue.Store does: every implementation passes Run.
package storetest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/catalogue"
)

// Run tests stores that share one memory, as replicas' do. newStores returns one or more of them with nothing in it.
func Run(t *testing.T, newStores func(t *testing.T) []catalogue.Store) {
	t.Run("nothing is known at first", func(t *testing.T) {
		s := newStores(t)[0]
		all, revision, err := s.All(t.Context(), "shop")
		if err != nil || len(all) != 0 || revision != "" {
			t.Errorf("%v, revision %q, %v", all, revision, err)
		}
	})
	t.Run("against a map", func(t *testing.T) {
		stores := newStores(t)
		want := map[string]map[string]*catalogue.Action{}
		revisions := map[string]string{}
		rapid.Check(t, func(rt *rapid.T) {
			loop := rapid.SampledFrom([]string{"shop", "blog"}).Draw(rt, "loop")
			actions := drawActions(rt)
			if err := rapid.SampledFrom(stores).Draw(rt, "writer").Put(t.Context(), loop, actions); err != nil {
				rt.Fatal(err)
			}
			if want[loop] == nil {
				want[loop] = map[string]*catalogue.Action{}
			}
			for _, a := range actions {
				want[loop][a.ID] = a
			}
			reader := rapid.SampledFrom(stores).Draw(rt, "reader")
			got, revision, err := reader.All(t.Context(), loop)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(want[loop], got); diff != "" {
				rt.Fatalf("actions (-want +got): %s", diff)
			}
			if again, err := reader.Revision(t.Context(), loop); err != nil || again != revision || revision == revisions[loop] {
				rt.Fatalf("revision %q, then %q, %v; before the change %q", revision, again, err, revisions[loop])
			}
			revisions[loop] = revision
		})
	})
}

func drawActions(t *rapid.T) []*catalogue.Action {
	var all []*catalogue.Action
	seen := map[string]bool{}
	for range rapid.IntRange(1, 4).Draw(t, "actions") {
		id := rapid.StringN(1, 8, -1).Filter(func(s string) bool { return s[0] != 0 }).Draw(t, "id")
		if seen[id] {
			continue
		}
		seen[id] = true
		a := &catalogue.Action{ID: id, Held: rapid.SampledFrom([]catalogue.State{"", catalogue.Paused, catalogue.Retired}).Draw(t, "held")}
		for n := range rapid.IntRange(1, 3).Draw(t, "versions") {
			a.Versions = append(a.Versions, catalogue.Version{
				ID: id, Number: n + 1, State: catalogue.Admitted, Actor: "ann", Document: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)),
			})
		}
		all = append(all, a)
	}
	return all
}
