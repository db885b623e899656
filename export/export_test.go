package export

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
)

// Every decision of the log is there once for each slot, in the order of the log, as it was logged, and worth what
// learn.Join says when it is asked for each event alone.
func TestTablesAreTheLogJoined(t *testing.T) {
	w := playedWorld(t, 1500)
	out := t.TempDir()
	s := export(t, w.options(out))
	got := tables(t, out)
	states := map[string]int{}
	for _, name := range []string{"fast", "quiet", "slow"} {
		for _, j := range w.join(name) {
			partition := keyOf(name, j.record.Time).path()
			for slot := range j.record.Choices {
				if len(got[partition]) == 0 {
					t.Fatalf("%s has no row for %s slot %d", partition, j.record.EventID, slot)
				}
				compareRow(t, &got[partition][0], &j, slot)
				got[partition] = got[partition][1:]
				states[j.event.State.String()]++
				if j.event.Slots[slot].Rewarded {
					states["rewarded"]++
				}
			}
		}
	}
	for partition, rest := range got {
		if len(rest) > 0 {
			t.Errorf("%s has %d rows that are not in the log", partition, len(rest))
		}
	}
	for _, state := range []string{"open", "closed", "not_activated", "not_learned", "rewarded"} {
		if states[state] < 10 {
			t.Errorf("only %d rows are %s: the log does not test it", states[state], state)
		}
	}
	if len(s.Partitions) != 6 || len(s.Loops) != 3 || len(s.Damage)+len(s.Repeated)+len(s.Kept) > 0 || s.Records != uint64(len(w.all)) {
		t.Errorf("summary %+v", s)
	}
}

func compareRow(t *testing.T, r *Row, j *joined, slot int) {
	t.Helper()
	d, c := j.record, &j.record.Choices[slot]
	worth := j.event.Slots[slot]
	want := Row{
		EventID: d.EventID, Position: int32(slot), Slot: d.Slots[slot].ID, Time: d.Time.Truncate(time.Microsecond),
		LogPosition: int64(j.position), UserID: d.UserID, Unit: r.Unit, SnapshotID: "1-x", Arm: d.Arm, Policy: d.Policy,
		LearningMode: d.Mode.String(), Action: worth.ActionID, Pscore: c.Ranking[0].Probability, Reward: r.Reward,
		RewardSoFar: worth.Reward, Rewarded: worth.Rewarded, RewardState: j.event.State.String(),
		Closes: j.event.Closes.UTC().Truncate(time.Microsecond), Deferred: d.Deferred, Activated: !j.event.Activated.IsZero(),
		Actions: []string{}, Probabilities: []float64{}, Scores: []float64{}, ExcludedActions: []string{}, ExcludedReasons: []string{},
		Draw: c.Draw, Fallback: d.Fallback, Cold: d.Cold, Context: r.Context, UserFeatures: r.UserFeatures, Kept: 1,
	}
	for _, k := range c.Ranking {
		want.Actions = append(want.Actions, d.Actions[k.Action].ID)
		want.Probabilities = append(want.Probabilities, k.Probability)
		want.Scores = append(want.Scores, k.Score)
	}
	for _, x := range c.Excluded {
		want.ExcludedActions = append(want.ExcludedActions, d.Actions[x.Action].ID)
		want.ExcludedReasons = append(want.ExcludedReasons, x.Reason)
	}
	if c.WouldHaveChosen >= 0 {
		want.WouldHaveChosen = d.Actions[c.WouldHaveChosen].ID
	}
	got := *r
	for _, list := range []*[]string{&got.Actions, &got.ExcludedActions, &got.ExcludedReasons} {
		*list = append([]string{}, *list...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s slot %d: %s", d.EventID, slot, diff)
	}
	compareReward(t, r, j, worth)
	compareFeatures(t, r, d)
}

// compareReward checks that there is a final reward exactly where one is final.
func compareReward(t *testing.T, r *Row, j *joined, worth learn.SlotReward) {
	t.Helper()
	switch {
	case j.event.State == learn.Open || j.event.State == learn.StateNotActivated:
		if r.Reward != nil {
			t.Fatalf("%s is %s and has the reward %v", r.EventID, r.RewardState, *r.Reward)
		}
	case j.event.State == learn.Closed:
		if r.Reward == nil || *r.Reward != worth.Reward {
			t.Fatalf("%s is closed and has the reward %v, want %v", r.EventID, r.Reward, worth.Reward)
		}
	case r.Reward != nil && *r.Reward != worth.Reward:
		t.Fatalf("%s has the reward %v, want %v", r.EventID, *r.Reward, worth.Reward)
	}
}

func compareFeatures(t *testing.T, r *Row, d *decision.Record) {
	t.Helper()
	var context struct {
		Device string
		Hour   float64
	}
	if err := json.Unmarshal(r.Context, &context); err != nil {
		t.Fatalf("%s: context %s: %v", r.EventID, r.Context, err)
	}
	device, hour := d.Context.Get("device"), d.Context.Get("hour")
	if context.Device != device.Text() || context.Hour != hour.Number() {
		t.Fatalf("%s: context %s, logged %v", r.EventID, r.Context, d.Context)
	}
}

// The same log gives the same bytes, whatever was in the output directory.
func TestExportTwice(t *testing.T) {
	w := playedWorld(t, 120)
	out := t.TempDir()
	first := export(t, w.options(out))
	before := contents(t, out)
	o := w.options(out)
	o.limits = limits{open: 1, buffered: 1 << 40, groupBytes: 1 << 40, groupRows: 1 << 40}
	if s := export(t, o); slices.Equal(s.Partitions[0].Files, first.Partitions[0].Files) {
		t.Fatalf("partition of the files %v: the test needs another number of files", s.Partitions[0].Files)
	}
	o.Format = CSV
	export(t, o)
	export(t, w.options(out))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(before)), files(t, out)); diff != "" {
		t.Fatalf("files: %s", diff)
	}
	for name, b := range contents(t, out) {
		if b != before[name] {
			t.Errorf("%s has other bytes", name)
		}
	}
}

// Bounds on what is open and buffered change the files, not the rows.
func TestSmallLimits(t *testing.T) {
	w := playedWorld(t, 150)
	out, small := t.TempDir(), t.TempDir()
	export(t, w.options(out))
	for _, l := range []limits{
		{open: 1, buffered: 1 << 30, groupBytes: 1 << 30, groupRows: 1 << 30},
		{open: 2, buffered: 2000, groupBytes: 1 << 30, groupRows: 1 << 30},
		{open: 64, buffered: 1 << 30, groupBytes: 1500, groupRows: 1 << 30},
		{open: 64, buffered: 1 << 30, groupBytes: 1 << 30, groupRows: 3},
	} {
		o := w.options(small)
		o.limits = l
		export(t, o)
		got := tables(t, small)
		for _, rows := range got { // With ten files or more, their names are not in the order of their numbers.
			slices.SortFunc(rows, func(a, b Row) int {
				return int(a.LogPosition-b.LogPosition)*16 + int(a.Position-b.Position)
			})
		}
		if diff := cmp.Diff(tables(t, out), got); diff != "" {
			t.Errorf("%+v: %s", l, diff)
		}
	}
}

// Options choose rows of the full table and change nothing else.
func TestOptions(t *testing.T) {
	w := playedWorld(t, 800)
	full := t.TempDir()
	export(t, w.options(full))
	midnight := began().Truncate(24 * time.Hour).Add(24 * time.Hour)
	for _, c := range []struct {
		name   string
		change func(*Options)
		keeps  func(partition string, r *Row) bool
	}{
		{"loop", func(o *Options) { o.Loop = "slow" }, func(p string, _ *Row) bool { return strings.HasPrefix(p, "loop=slow") }},
		{"since", func(o *Options) { o.Since = midnight }, func(_ string, r *Row) bool { return !r.Time.Before(midnight) }},
		{"until", func(o *Options) { o.Until = midnight }, func(_ string, r *Row) bool { return r.Time.Before(midnight) }},
		{"closed", func(o *Options) { o.ClosedOnly = true }, func(_ string, r *Row) bool { return r.RewardState == "closed" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, n := map[string][]Row{}, 0
			for partition, rows := range tables(t, full) {
				for i := range rows {
					if c.keeps(partition, &rows[i]) {
						want[partition] = append(want[partition], rows[i])
					} else {
						n++
					}
				}
			}
			if n == 0 || len(want) == 0 {
				t.Fatal("the option has nothing to choose")
			}
			o := w.options(t.TempDir())
			c.change(&o)
			s := export(t, o)
			got := tables(t, o.Out)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			rows := 0
			for _, p := range got {
				rows += len(p)
			}
			if s.Rows != uint64(rows) {
				t.Errorf("the summary has %d rows, the files %d", s.Rows, rows)
			}
		})
	}
}

// With a key nothing says who a user is, and rows of one user still belong together.
func TestHashedUsers(t *testing.T) {
	w := playedWorld(t, 200)
	plain, hashed := w.options(t.TempDir()), w.options(t.TempDir())
	hashed.UserKey = []byte("0123456789abcdef")
	export(t, plain)
	export(t, hashed)
	pairs, units := map[string]string{}, map[int64]string{}
	got := tables(t, hashed.Out)
	for partition, rows := range tables(t, plain.Out) {
		for i, r := range rows {
			h := got[partition][i]
			if known, ok := pairs[r.UserID]; ok && known != h.UserID {
				t.Fatalf("%q is %q and %q", r.UserID, known, h.UserID)
			}
			pairs[r.UserID] = h.UserID
			if r.UserID != "" && (h.UserID == r.UserID || h.Unit == r.Unit || units[h.Unit] != "" && units[h.Unit] != r.UserID) {
				t.Fatalf("%q is %q, unit %d", r.UserID, h.UserID, h.Unit)
			}
			if r.UserID != "" {
				units[h.Unit] = r.UserID
			}
		}
	}
	// HMAC-SHA-256 of "ann" under the key, by openssl dgst -sha256 -hmac.
	if len(pairs) != 4 || len(units) != 3 || pairs[""] != "" || pairs["ann"] != "fb385915a0623c0be3e7b0a7134dbb62" {
		t.Errorf("users %v, units %v", pairs, units)
	}
}

func TestValidate(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	good := Options{Out: filepath.Join("a", "b"), Format: Parquet, Since: day, Until: day.Add(24 * time.Hour)}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Options){
		"no format":   func(o *Options) { o.Format = "xlsx" },
		"no output":   func(o *Options) { o.Out = "" },
		"within a":    func(o *Options) { o.Since = day.Add(time.Hour) },
		"between":     func(o *Options) { o.Until = day },
		"whole days ": func(o *Options) { o.Until = day.Add(time.Nanosecond) },
	} {
		o := good
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
