package decision

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// What is kept is what the window has: of random windows, many of them alike but in one thing.
func TestKeptWindowsAreThoseAskedFor(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var kept sendWindows
	base := time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC)
	zones := []*time.Location{time.UTC}
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, zone)
	}
	for range 3000 {
		w := &SendWindow{
			Earliest: base.Add(time.Duration(r.IntN(3)) * time.Minute), Granularity: []time.Duration{15 * time.Minute, time.Hour}[r.IntN(2)],
			DoNotSend: r.IntN(2) == 0,
		}
		w.Latest = w.Earliest.Add(time.Duration(1+r.IntN(3)) * 24 * time.Hour)
		w.Offsets = offsetsOf(zones[r.IntN(len(zones))], w.Earliest, w.Latest)
		if got, want := kept.actions(w), w.Actions(); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v: %d actions from %v, want %d from %v", w, len(got), got[0], len(want), want[0])
		}
		if kept.size > maxKeptActions {
			t.Fatalf("%d actions are kept", kept.size)
		}
	}
}
