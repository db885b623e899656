package guardrail

import (
	"archive/zip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/features"
)

// reasonsOf asks a policy about actions with the given channels, or ids and tags.
func reasonsOf(p *ContactPolicy, q ContactQuery, actions ...Subject) []string {
	if q.Now.IsZero() {
		q.Now = noon
	}
	q.Loop, q.Event = "shop", "now"
	why := make([]string, len(actions))
	p.Evaluate(why, actions, &q)
	return why
}

func reached(ago time.Duration, loop, action string, tags ...string) Contact {
	return Contact{At: noon.Add(-ago), Event: action + ago.String(), Loop: loop, Action: action, Channel: "email", Tags: tags}
}

func TestCaps(t *testing.T) {
	mail := Subject{ID: "a", Channel: "email", Tags: []string{"sale"}}
	day := 24 * time.Hour
	for _, tc := range []struct {
		name   string
		cap    Cap
		recent []Contact
		want   string
	}{
		{"below", Cap{Limit: 2, Window: day}, []Contact{reached(time.Hour, "shop", "x")}, ""},
		{"reached", Cap{Limit: 1, Window: day}, []Contact{reached(time.Hour, "shop", "x")}, "cap:c"},
		{"just within the window", Cap{Limit: 1, Window: day}, []Contact{reached(day-1, "shop", "x")}, "cap:c"},
		{"just out of the window", Cap{Limit: 1, Window: day}, []Contact{reached(day, "shop", "x")}, ""},
		{"another loop's", Cap{Limit: 1, Window: day}, []Contact{reached(time.Hour, "blog", "x")}, ""},
		{"all loops", Cap{Limit: 1, Window: day, AllLoops: true}, []Contact{reached(time.Hour, "blog", "x")}, "cap:c"},
		{"per action, another", Cap{Limit: 1, Window: day, Per: PerAction}, []Contact{reached(time.Hour, "shop", "x")}, ""},
		{"per action, the same", Cap{Limit: 1, Window: day, Per: PerAction}, []Contact{reached(time.Hour, "shop", "a")}, "cap:c"},
		{"per tag", Cap{Limit: 1, Window: day, Per: PerTag, Of: "sale"}, []Contact{reached(time.Hour, "shop", "x", "sale")}, "cap:c"},
		{"per tag, another's", Cap{Limit: 1, Window: day, Per: PerTag, Of: "sale"}, []Contact{reached(time.Hour, "shop", "x", "news")}, ""},
		{"per tag that the action has not", Cap{Limit: 1, Window: day, Per: PerTag, Of: "news"}, []Contact{reached(time.Hour, "shop", "x", "news")}, ""},
		{"per channel", Cap{Limit: 1, Window: day, Per: PerChannel, Of: "email"}, []Contact{reached(time.Hour, "shop", "x")}, "cap:c"},
		{"per channel that the action has not", Cap{Limit: 1, Window: day, Per: PerChannel, Of: "push"}, []Contact{reached(time.Hour, "shop", "x")}, ""},
		{"held by another event", Cap{Limit: 1, Window: day, Per: PerAction}, []Contact{{At: noon, Event: "e", Loop: "shop", Held: true}}, "cap:c"},
		{"held by itself", Cap{Limit: 1, Window: day}, []Contact{{At: noon, Event: "now", Loop: "shop", Held: true}}, ""},
		{"more than are known", Cap{Limit: 9, Window: day}, nil, "cap:c"},
		{"kept for another loop", Cap{Limit: 2, Window: day, AllLoops: true, KeptFor: map[string]int{"legal": 1}}, []Contact{reached(time.Hour, "shop", "x")}, "cap:c"},
		{"kept, and used", Cap{Limit: 2, Window: day, AllLoops: true, KeptFor: map[string]int{"legal": 1}}, []Contact{reached(time.Hour, "legal", "x")}, ""},
		{"kept for itself", Cap{Limit: 2, Window: day, AllLoops: true, KeptFor: map[string]int{"shop": 1}}, []Contact{reached(time.Hour, "shop", "x")}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.cap.Name = "c"
			known := UserContacts{Known: true, Recent: tc.recent, Truncated: tc.recent == nil}
			got := reasonsOf(&ContactPolicy{Caps: []Cap{tc.cap}}, ContactQuery{Contacts: known}, mail)
			if got[0] != tc.want {
				t.Errorf("%q, want %q", got[0], tc.want)
			}
		})
	}
}

func TestSuppressionsComeLastAndNothingPassesThem(t *testing.T) {
	actions := []Subject{{ID: "mail", Channel: "email"}, {ID: "push", Channel: "push"}, {ID: "none", Silent: true}, {ID: "somehow"}}
	quiet := &ContactPolicy{Quiet: []QuietHours{{From: 0, Until: 0, Days: [7]bool{true, true, true, true, true, true, true}}}}
	for _, tc := range []struct {
		contacts UserContacts
		want     string
	}{
		{UserContacts{Known: true}, "quiet_hours  quiet_hours"},
		{UserContacts{Known: true, Suppressed: []string{"email"}}, "suppressed  suppressed"},
		{UserContacts{Known: true, Suppressed: []string{"*"}}, "suppressed suppressed suppressed"},
		{UserContacts{}, "contacts_unknown contacts_unknown contacts_unknown"},
	} {
		q := ContactQuery{Contacts: tc.contacts, Mandatory: []bool{false, true, true, false}}
		got := reasonsOf(quiet, q, actions...)
		if s := strings.Join([]string{got[0], got[1], got[3]}, " "); s != tc.want || got[2] != "" {
			t.Errorf("%+v: %q and %q, want %q", tc.contacts, s, got[2], tc.want)
		}
	}
}

func TestBudgets(t *testing.T) {
	p := &ContactPolicy{Budgets: []Budget{
		{Name: "count", Action: "a", Limit: 3},
		{Name: "spend", Tag: "paid", Limit: 10, Cost: "cost"},
		{Name: "even", Tag: "even", Limit: 24, Smooth: true},
	}}
	paid := func(cost float64) Subject {
		return Subject{ID: "p", Tags: []string{"paid"}, Features: features.Set{{Name: "cost", Value: features.NumberValue(cost)}}}
	}
	for _, tc := range []struct {
		name   string
		action Subject
		spent  []float64
		want   string
	}{
		{"room", Subject{ID: "a"}, []float64{2, 0, 0}, ""},
		{"none", Subject{ID: "a"}, []float64{3, 0, 0}, "budget:count"},
		{"to the last", paid(4), []float64{0, 6, 0}, ""},
		{"a little above", paid(4.5), []float64{0, 6, 0}, "budget:spend"},
		{"free", paid(0), []float64{0, 10, 0}, ""},
		{"no cost known", Subject{ID: "p", Tags: []string{"paid"}}, []float64{0, 9.5, 0}, "budget:spend"},
		{"at noon, with the day", Subject{ID: "e", Tags: []string{"even"}}, []float64{0, 0, 12}, ""},
		{"at noon, ahead of the day", Subject{ID: "e", Tags: []string{"even"}}, []float64{0, 0, 13}, "paced:even"},
		{"nobody else's", Subject{ID: "z"}, []float64{9, 99, 99}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := reasonsOf(p, ContactQuery{Contacts: UserContacts{Known: true}, Spent: tc.spent}, tc.action); got[0] != tc.want {
				t.Errorf("%q, want %q", got[0], tc.want)
			}
		})
	}
}

// zones returns every time zone of the tz database that Go brings.
func zones(t *testing.T) []*time.Location {
	t.Helper()
	//lint:ignore SA1019 tests run where they are built
	z, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var all []*time.Location
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		zone, err := time.LoadLocation(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, zone)
	}
	return all
}

// Quiet hours go by the clock on the wall, in every zone and across every switch of a year.
func TestQuietHoursInEveryZoneAcrossItsSwitches(t *testing.T) {
	weekdays := QuietHours{From: 21 * time.Hour, Until: 8 * time.Hour, Days: [7]bool{false, true, true, true, true, true, false}}
	lunch := QuietHours{From: 2 * time.Hour, Until: 3*time.Hour + 30*time.Minute, Days: [7]bool{true, true, true, true, true, true, true}}
	all, switches := zones(t), 0
	if len(all) < 590 {
		t.Fatalf("only %d zones", len(all))
	}
	for _, zone := range all {
		for hour := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); hour.Year() < 2027; hour = hour.Add(time.Hour) {
			_, before := hour.In(zone).Zone()
			if _, after := hour.Add(time.Hour).In(zone).Zone(); before == after && hour.Hour() != 0 {
				continue
			} else if before != after {
				switches++
			}
			for minute := -6 * 60; minute <= 6*60; minute += 7 {
				at := hour.Add(time.Duration(minute) * time.Minute)
				clock, day := at.In(zone).Format("15:04"), at.In(zone).Weekday()
				night := clock >= "21:00" && day != time.Saturday && day != time.Sunday || clock < "08:00" && day != time.Sunday && day != time.Monday
				for _, x := range []struct {
					quiet *QuietHours
					want  bool
				}{{&weekdays, night}, {&lunch, clock >= "02:00" && clock < "03:30"}} {
					p := &ContactPolicy{Quiet: []QuietHours{*x.quiet}}
					q := ContactQuery{Now: at, Zone: zone, ZoneOfUser: true, Contacts: UserContacts{Known: true}}
					if got := reasonsOf(p, q, Subject{ID: "a", Channel: "email"}); (got[0] == ReasonQuietHours) != x.want {
						t.Fatalf("%s at %s (%s %s): %q", zone, at, day, clock, got[0])
					}
				}
			}
		}
	}
	t.Logf("%d zones, %d switches", len(all), switches)
}

func TestQuietHoursWithoutTheUsersZone(t *testing.T) {
	always := [7]bool{true, true, true, true, true, true, true}
	for _, tc := range []struct {
		onMissing OnMissing
		hour      int
		want      string
	}{{DenyMissing, 12, "zone_unknown"}, {PermitMissing, 12, ""}, {PermitMissing, 22, "quiet_hours"}} {
		p := &ContactPolicy{Quiet: []QuietHours{{From: 21 * time.Hour, Until: 8 * time.Hour, Days: always, OfUser: true, OnMissing: tc.onMissing}}}
		at := time.Date(2026, 11, 26, tc.hour, 0, 0, 0, time.UTC)
		if got := reasonsOf(p, ContactQuery{Now: at, Contacts: UserContacts{Known: true}}, Subject{ID: "a", Channel: "email"}); got[0] != tc.want {
			t.Errorf("on_missing %s at %d:00: %q, want %q", tc.onMissing, tc.hour, got[0], tc.want)
		}
	}
}
