package track

import (
	"slices"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/eventlog"
)

// The sizes that the package comment promises.
func TestSizes(t *testing.T) {
	if d, r := unsafe.Sizeof(decided{}), unsafe.Sizeof(reported{}); d != 32 || r != 24 {
		t.Errorf("a decision takes %d bytes, a report %d", d, r)
	}
}

// plain is the obvious twin of index: it keeps everything and looks at everything.
type plain []struct {
	user, loop string
	pos        eventlog.Position
}

func (p plain) of(user, loop string, limit int) (out []eventlog.Position) {
	for _, d := range slices.Backward(p) {
		if d.user == user && (loop == "" || d.loop == loop) && len(out) < limit {
			out = append(out, d.pos)
		}
	}
	return out
}

func TestIndexAgainstTheObvious(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 3*chunkSize).Draw(t, "most")
		x := newIndex(most)
		var twin plain
		users := rapid.IntRange(1, 2000).Draw(t, "users")
		step := rapid.IntRange(1, 97).Draw(t, "step")
		n := rapid.IntRange(0, 5*chunkSize).Draw(t, "decisions")
		base := time.Unix(1_700_000_000, 0)
		at := func(i int) int64 { return base.Add(time.Duration(i) * time.Second).UnixNano() }
		for i := range n {
			user, loop := strconv.Itoa(i*step%users), []string{"mail", "shop"}[i%2]
			pos := eventlog.Position(i + 1)
			x.decision(pos, eventlog.UserDecision{Loop: []byte(loop), User: []byte(user), TimeUnixNanos: at(i)})
			x.report(pos, at(i), "t"+strconv.Itoa(i))
			twin = append(twin, struct {
				user, loop string
				pos        eventlog.Position
			}{user, loop, pos})
		}
		old := rapid.IntRange(0, n).Draw(t, "older")
		x.forget(time.Unix(0, at(old)))
		if kept := x.decisions.len(); kept > max(most, chunkSize) || kept < min(n-old, max(most, chunkSize)-chunkSize) {
			t.Fatalf("%d of %d decisions are kept, %d are not older, at most %d", kept, n, n-old, most)
		}
		twin = twin[n-x.decisions.len():]
		user := strconv.Itoa(rapid.IntRange(0, users-1).Draw(t, "user"))
		loop := rapid.SampledFrom([]string{"", "mail", "shop", "none"}).Draw(t, "loop")
		limit := rapid.IntRange(1, 20).Draw(t, "limit")
		var got []eventlog.Position
		for _, d := range x.of(user, func(l string) bool { return loop == "" || l == loop }, limit) {
			got = append(got, d.position)
		}
		if want := twin.of(user, loop, limit); !slices.Equal(got, want) {
			t.Fatalf("user %s: %v, want %v", user, got, want)
		}
		live := map[string]bool{}
		for _, d := range twin {
			live[d.user] = true
		}
		if len(x.last) != len(live) || len(x.attributed) != x.reports.len() {
			t.Fatalf("%d users are remembered, and %d have decisions; %d track ids for %d reports", len(x.last), len(live), len(x.attributed), x.reports.len())
		}
		if n > 0 {
			if pos, ok := x.known("t" + strconv.Itoa(n-1)); !ok || pos != eventlog.Position(n) {
				t.Fatalf("the last report is at %d, %t", pos, ok)
			}
		}
	})
}

func TestReportOfTheSameIDCountsOnce(t *testing.T) {
	x := newIndex(1)
	x.report(1, 1, "t")
	x.report(2, 2, "t")
	if pos, ok := x.known("t"); !ok || pos != 1 || x.reports.len() != 1 {
		t.Errorf("%d, %t, %d reports", pos, ok, x.reports.len())
	}
}
