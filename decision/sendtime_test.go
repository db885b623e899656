package decision

import (
	"archive/zip"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/model"
)

// allZones returns every time zone of the tz database that Go brings.
func allZones(t *testing.T) []*time.Location {
	t.Helper()
	//lint:ignore SA1019 tests run where they are built
	z, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var all []*time.Location
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") {
			all = append(all, must(time.LoadLocation(f.Name)))
		}
	}
	if len(all) < 590 {
		t.Fatalf("only %d zones", len(all))
	}
	return all
}

// switchesOf returns the moments of a year at which a zone's clocks are changed; one without gets the first of July.
func switchesOf(zone *time.Location, year int) []time.Time {
	var all []time.Time
	for at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); ; {
		_, end := at.In(zone).ZoneBounds()
		if end.IsZero() || end.Year() > year {
			break
		}
		all = append(all, end)
		at = end
	}
	if len(all) == 0 {
		all = append(all, time.Date(year, 7, 1, 0, 0, 0, 0, time.UTC))
	}
	return all
}

func sendLoop(change func(*Loop)) *Snapshot {
	send := &SendSpec{Granularity: time.Hour, Window: 24 * time.Hour, Horizon: 60 * 24 * time.Hour, Subject: guardrail.Subject{ID: SendAction, Channel: "email"}}
	l := &Loop{Name: "news", Policy: model.DefaultSendTimeExploration(), Salt: 42, Zone: time.UTC, Send: send, Subjects: []guardrail.Subject{send.Subject}}
	if change != nil {
		change(l)
	}
	s := model.NewSendTimeLoop(model.SendTimesOptions{})
	return &Snapshot{ID: "1-a", Loop: l, Model: must(s.Predictor())}
}

// night is quiet from 21:30 to 8:15, by the clock on the wall, said once more and slowly.
func night(at time.Time) bool {
	clock := at.Format("15:04")
	return clock >= "21:30" || clock < "08:15"
}

var quietNight = &guardrail.ContactPolicy{Quiet: []guardrail.QuietHours{{
	From: 21*time.Hour + 30*time.Minute, Until: 8*time.Hour + 15*time.Minute, Days: [7]bool{true, true, true, true, true, true, true}, OfUser: true,
}}}

// Windows of a day and a half across every switch of a year in every time zone: each time is a moment of the window that the
// clock on the wall shows as a multiple of the granularity, in order, under an id that says so; the hour of the week is that of
// the wall; and what a decision may choose, and the minute of a paced send, is never in quiet hours by the real zone.
func TestSendTimesInEveryZoneAcrossItsSwitches(t *testing.T) {
	switches, decided := 0, 0
	plain, paced := sendLoop(func(l *Loop) { l.Contact = quietNight }), sendLoop(func(l *Loop) { l.Contact = quietNight; l.Send.PerMinute = 1 })
	for _, zone := range allZones(t) {
		for _, change := range switchesOf(zone, 2026) {
			switches++
			for _, granularity := range []time.Duration{15 * time.Minute, time.Hour, 3 * time.Hour} {
				req := &SendRequest{Earliest: change.Add(-18*time.Hour - 7*time.Minute), Latest: change.Add(18 * time.Hour), Granularity: granularity}
				w := must(newSendWindow(plain.Loop.Send, req, req.Earliest.Add(-time.Hour), zone))
				checkWindow(t, w, zone)
				for _, s := range []*Snapshot{plain, paced} {
					decided++
					checkQuiet(t, s, w, zone, decided)
				}
			}
		}
	}
	t.Logf("%d switches, %d decisions", switches, decided)
}

func checkWindow(t *testing.T, w *SendWindow, zone *time.Location) {
	t.Helper()
	times, actions := w.Times(), w.Actions()
	for i, unix := range times {
		at := time.Unix(unix, 0)
		local := at.In(zone)
		if at.Before(w.Earliest) || at.After(w.Latest) || i > 0 && unix <= times[i-1] {
			t.Fatalf("%s: time %d is %s, window %s to %s", zone, i, at, w.Earliest, w.Latest)
		}
		wall := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second
		_, offset := local.Zone()
		if i > 0 && (offset%60 == 0 && wall%w.Granularity != 0) {
			t.Fatalf("%s: %s is no multiple of %v by the wall", zone, local, w.Granularity)
		}
		if parsed, err := time.Parse(time.RFC3339, actions[i].ID); err != nil || offset%60 == 0 && !parsed.Equal(at) || offset%60 == 0 && actions[i].ID != local.Format(time.RFC3339) {
			t.Fatalf("%s: id %q of %s: %v", zone, actions[i].ID, local, err)
		}
		day := (int(local.Weekday()) + 6) % 7
		want := float64(day)*24 + wall.Hours()
		if got := float64(w.HourOfWeek(at)); got < want-1e-9 || got > want+1e-9 {
			t.Fatalf("%s: %s is hour %v, not %v", zone, local, got, want)
		}
		if got := actions[i].Features.Get(model.HourFeature).Number(); got != float64(w.HourOfWeek(at)) {
			t.Fatalf("%s: the model sees %v", zone, got)
		}
	}
	// Weeks later as well: a send that comes late is learned from by the user's clock of then.
	for d := range 80 {
		at := w.Latest.Add(time.Duration(d) * 24 * time.Hour)
		if _, offset := at.In(zone).Zone(); w.Offset(at.Unix()) != offset {
			t.Fatalf("%s: offset %d at %s, not %d", zone, w.Offset(at.Unix()), at, offset)
		}
	}
}

func checkQuiet(t *testing.T, s *Snapshot, w *SendWindow, zone *time.Location, n int) {
	t.Helper()
	var p paces
	w2 := *w
	w2.PerMinute = s.Loop.Send.PerMinute
	in := Input{
		Time: w.Earliest, EventID: string(rune(n)), UserID: "u", Slots: oneSlot, Zone: zone, ZoneOfUser: true,
		Contacts: guardrail.UserContacts{Known: true}, Send: &w2, Actions: w2.Actions(),
	}
	if w2.PerMinute > 0 {
		for range 3 { // Some minutes are full.
			h := must(p.hold(t.Context(), "news", &w2, w.Earliest))
			h.settle(&Record{Input: in, Outcome: Outcome{Choices: []Choice{{Ranking: []Ranked{{Action: len(w2.Times()) / 2}}}}}})
		}
		must(p.hold(t.Context(), "news", &w2, w.Earliest))
	}
	out, err := Decide(s, &in)
	if err != nil {
		t.Fatal(err)
	}
	permitted := 0
	for _, k := range out.Choices[0].Ranking {
		permitted++
		if at, _ := w2.SendAt(k.Action); night(at.In(zone)) || at.Before(w.Earliest) || at.After(w.Latest) {
			t.Fatalf("%s: a send at %s is permitted", zone, at.In(zone))
		}
	}
	want := 0
	for _, unix := range w.Times() {
		if !night(time.Unix(unix, 0).In(zone)) {
			want++
		}
	}
	if w2.PerMinute == 0 && permitted != want {
		t.Fatalf("%s: %d of %d times are permitted, not %d", zone, permitted, len(w.Times()), want)
	}
}

func TestSendWindowsThatAreRefused(t *testing.T) {
	spec := &SendSpec{Granularity: time.Hour, Window: 24 * time.Hour, Horizon: 48 * time.Hour}
	now := time.Date(2026, 11, 26, 12, 0, 0, 500, time.UTC)
	for _, tc := range []struct {
		name  string
		req   SendRequest
		field string
	}{
		{"over", SendRequest{Latest: now.Add(-time.Second)}, "latest"},
		{"reversed", SendRequest{Earliest: now.Add(2 * time.Hour), Latest: now.Add(time.Hour)}, "latest"},
		{"too far ahead", SendRequest{Latest: now.Add(49 * time.Hour)}, "latest"},
		{"too fine", SendRequest{Granularity: time.Minute}, "granularity"},
	} {
		_, err := newSendWindow(spec, &tc.req, now, time.UTC)
		var input *InputError
		if !asInput(err, &input) || input.Field != tc.field {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	w := must(newSendWindow(spec, &SendRequest{Earliest: now.Add(-time.Hour)}, now, time.UTC))
	if !w.Earliest.Equal(now.Truncate(time.Second).Add(time.Second)) || !w.Latest.Equal(w.Earliest.Add(24*time.Hour)) {
		t.Errorf("a window that began has %s to %s", w.Earliest, w.Latest)
	}
	if ids := w.Actions(); ids[0].ID != "2026-11-26T12:00:01Z" || ids[1].ID != "2026-11-26T13:00:00Z" || len(ids) != 25 {
		t.Errorf("%d times from %s", len(ids), ids[0].ID)
	}
}

func asInput(err error, to **InputError) bool {
	e, ok := err.(*InputError)
	*to = e
	return ok
}

// Caps hold at the time of the send: contacts that are planned count as well as those of the past.
func TestCapsHoldWhenItIsSent(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	s := sendLoop(func(l *Loop) {
		l.Contact = &guardrail.ContactPolicy{Caps: []guardrail.Cap{{Name: "daily", Limit: 1, Window: 24 * time.Hour}}}
	})
	w := must(newSendWindow(s.Loop.Send, &SendRequest{Latest: now.Add(6 * 24 * time.Hour)}, now, time.UTC))
	planned := now.Add(3 * 24 * time.Hour)
	in := Input{Time: now, EventID: "e", UserID: "u", Slots: oneSlot, Zone: time.UTC, Send: w, Actions: w.Actions(), Contacts: guardrail.UserContacts{
		Known: true, Recent: []guardrail.Contact{{At: planned, Event: "other", Loop: "news", Channel: "email"}, {At: now.Add(-2 * time.Hour), Event: "past", Loop: "news", Channel: "email"}},
	}}
	out := must(Decide(s, &in))
	for i := range w.Times() {
		at, _ := w.SendAt(i)
		tooSoon := at.Before(now.Add(22*time.Hour)) || at.After(planned.Add(-24*time.Hour)) && at.Before(planned.Add(24*time.Hour))
		denied := slices.Contains(out.Choices[0].Excluded, Exclusion{i, "cap:daily"})
		if denied != tooSoon {
			t.Errorf("%s: denied %t", at, denied)
		}
	}
}
