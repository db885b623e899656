package attribution

import (
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// whole is a decision with everything about it.
type whole struct {
	Loop     string
	Decided  time.Time
	Window   time.Duration
	Takes    bool
	Slots    []Slot
	Shown    bool
	Position int
	Ahead    time.Duration
	Sent     time.Time
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sequence(ds []whole, read *int) iter.Seq[Decision] {
	return func(yield func(Decision) bool) {
		for _, d := range ds {
			served := func() (Served, error) { *read++; return Served{Slots: d.Slots, Shown: d.Shown, Sent: d.Sent}, nil }
			if !yield(Decision{Loop: d.Loop, Decided: d.Decided, Window: d.Window, Takes: d.Takes, Ahead: d.Ahead, Served: served}) {
				return
			}
		}
	}
}

// obvious is the slow twin of Pick: it asks every decision everything, sorts those that fit, and takes the first. The
// position is -1 where nobody has the report.
func obvious(r Report, ds []whole) (position, slot int) {
	type fit struct {
		d       whole
		slot    int
		earlier bool
	}
	var fits []fit
	for _, d := range ds {
		for i, s := range d.Slots {
			inLoop := r.Loop == "" || r.Loop == d.Loop
			from := d.Decided
			if !d.Sent.IsZero() {
				from = d.Sent
			}
			inTime := r.At.Sub(from) >= -Skew && r.At.Sub(from) <= d.Window && r.Received.Sub(from) <= d.Window
			same := s.Action != "" && (r.Action == "" || r.Action == s.Action) && (r.Channel == "" || r.Channel == s.Channel)
			if inLoop && d.Takes && inTime && same && d.Shown {
				fits = append(fits, fit{d, i, r.At.Sub(d.Decided) >= 0})
			}
		}
	}
	if len(fits) == 0 {
		return -1, 0
	}
	return bestOf(fits, func(a, b fit) bool {
		switch {
		case a.d.Position == b.d.Position:
			return a.slot < b.slot
		case a.earlier != b.earlier:
			return a.earlier
		case !a.d.Decided.Equal(b.d.Decided):
			return a.d.Decided.After(b.d.Decided) == a.earlier
		}
		return a.d.Position > b.d.Position
	}, func(f fit) (int, int) { return f.d.Position, f.slot })
}

func bestOf[T any](ts []T, better func(a, b T) bool, of func(T) (int, int)) (int, int) {
	best := ts[0]
	for _, t := range ts {
		if better(t, best) {
			best = t
		}
	}
	return of(best)
}

func drawWhole(t *rapid.T, position int) whole {
	word := func(label string, ws ...string) string { return rapid.SampledFrom(ws).Draw(t, label) }
	d := whole{
		Loop: word("loop", "mail", "shop"), Decided: noon.Add(time.Duration(rapid.IntRange(-20, 8).Draw(t, "decided")) * time.Second),
		Window: 10 * time.Second, Takes: rapid.IntRange(0, 9).Draw(t, "takes") > 0, Shown: rapid.IntRange(0, 4).Draw(t, "shown") > 0,
		Position: position,
	}
	if d.Loop == "shop" {
		d.Window = 30 * time.Second
	}
	if rapid.IntRange(0, 3).Draw(t, "send") == 0 {
		d.Ahead = 10 * time.Second
		d.Sent = d.Decided.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "sent")) * time.Second)
	}
	for range rapid.IntRange(1, 3).Draw(t, "slots") {
		d.Slots = append(d.Slots, Slot{word("action", "", "a", "b", "c"), word("channel", "", "email", "push")})
	}
	return d
}

func TestPickAgainstTheObvious(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ds []whole
		for i := range rapid.IntRange(0, 12).Draw(t, "decisions") {
			ds = append(ds, drawWhole(t, i))
		}
		r := Report{
			Loop:    rapid.SampledFrom([]string{"", "", "mail", "shop", "other"}).Draw(t, "of loop"),
			Action:  rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "of action"),
			Channel: rapid.SampledFrom([]string{"", "", "email"}).Draw(t, "of channel"),
			At:      noon, Received: noon.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "received")) * time.Second),
		}
		sorted := slices.Clone(ds)
		slices.SortFunc(sorted, func(a, b whole) int {
			if c := b.Decided.Compare(a.Decided); c != 0 {
				return c
			}
			return b.Position - a.Position
		})
		read := 0
		got, why, err := Pick(r, sequence(sorted, &read))
		if err != nil {
			t.Fatal(err)
		}
		position, slot := obvious(r, ds)
		if (position < 0) != (why != "") || read > len(ds) {
			t.Fatalf("%q, the twin has %d; %d read", why, position, read)
		}
		if position >= 0 && (sorted[got.Decision].Position != position || got.Slot != slot) {
			t.Fatalf("%+v at position %d, the twin has position %d, slot %d", got, sorted[got.Decision].Position, position, slot)
		}
	})
}

// TestReasons has one decision fail one test after the other, and beside it one that fails earlier.
func TestReasons(t *testing.T) {
	fits := whole{Loop: "mail", Decided: noon, Window: time.Hour, Takes: true, Shown: true, Slots: []Slot{{"", ""}, {"a", "email"}}}
	for _, c := range []struct {
		want   Reason
		change func(d *whole, r *Report)
	}{
		{"", func(*whole, *Report) {}},
		{NoDecision, func(_ *whole, r *Report) { r.Loop = "shop" }},
		{NoDecision, func(d *whole, _ *Report) { d.Slots = nil }},
		{OtherMetric, func(d *whole, _ *Report) { d.Takes = false }},
		{"", func(d *whole, r *Report) { d.Decided = r.At.Add(Skew) }},
		{BeforeDecision, func(d *whole, r *Report) { d.Decided = r.At.Add(Skew + 1) }},
		{"", func(d *whole, r *Report) { d.Window = r.Received.Sub(d.Decided) }},
		{TooLate, func(d *whole, r *Report) { d.Window = r.Received.Sub(d.Decided) - 1 }},
		{TooLate, func(_ *whole, r *Report) { r.At = noon.Add(time.Hour + 1) }},
		{NothingServed, func(d *whole, _ *Report) { d.Slots = d.Slots[:1] }},
		{OtherAction, func(_ *whole, r *Report) { r.Action = "b" }},
		{OtherChannel, func(_ *whole, r *Report) { r.Channel = "push" }},
		{NotActivated, func(d *whole, _ *Report) { d.Shown = false }},
	} {
		d, r := fits, Report{Loop: "mail", Action: "a", Channel: "email", At: noon.Add(time.Minute), Received: noon.Add(2 * time.Minute)}
		c.change(&d, &r)
		other := whole{Loop: "none", Decided: noon.Add(-time.Hour)}
		read := 0
		got, why, err := Pick(r, sequence([]whole{d, other}, &read))
		if why != c.want || err != nil || why == "" && (got.Decision != 0 || got.Slot != 1) {
			t.Errorf("%+v of %+v: %+v, %q, %v, want %q", r, d, got, why, err, c.want)
		}
	}
}

func TestPickSaysWhatCannotBeRead(t *testing.T) {
	broken := errors.New("broken")
	ds := []Decision{{Decided: noon, Window: time.Hour, Takes: true, Served: func() (Served, error) { return Served{}, broken }}}
	if _, _, err := Pick(Report{At: noon, Received: noon}, slices.Values(ds)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
