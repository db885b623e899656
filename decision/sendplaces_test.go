package decision

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/features"
)

// zoned answers every fetch with a time zone by the user's name, and no evidence.
type zoned struct{ zones []string }

func (z zoned) Fetch(_ context.Context, user string, names []string) ([]features.Raw, error) {
	raw := make([]features.Raw, len(names))
	raw[0] = features.Raw{Text: z.zones[len(user)%len(z.zones)], Present: true}
	return raw, nil
}

// sender returns a decider of a loop that sends at most so many a minute, without time passing.
func sender(t *testing.T, perMinute int, log *memoryLog) *Decider {
	t.Helper()
	s := sendLoop(func(l *Loop) {
		l.Send.PerMinute = perMinute
		l.ZoneFeature = "user.time_zone"
		l.Schema = must(features.NewSchema(nil, []features.Field{{Name: "time_zone", Type: features.CategoryType}}, nil, features.Ignore))
		l.UserNames = append(l.Schema.UserFieldNames(), EvidenceField(l.Name))
	})
	return newDecider(t, s, log, zoned{[]string{"Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York"}})
}

var sendNow = time.Unix(1_800_000_000, 0)

func ask(d *Decider, i int, window time.Duration) (*Record, error) {
	// Windows overlap: they begin at ten different moments.
	earliest := sendNow.Add(time.Duration(i%10) * 7 * time.Minute)
	return d.Rank(context.Background(), &Request{
		Loop: "news", EventID: fmt.Sprint("e", i), UserID: "u" + string(make([]byte, i%4)),
		Send: &SendRequest{Earliest: earliest, Latest: earliest.Add(window), Campaign: "spring"},
	})
}

// 64 at once ask for more sends than there is room for: no minute has more than it may, nobody is sent outside of the window, what is
// logged sums to 1 over exactly the times with room, and those for whom there is none are told so.
func TestSendsPerMinute(t *testing.T) {
	const perMinute, askers = 3, 1200
	log := &memoryLog{}
	d := sender(t, perMinute, log)
	var all sync.WaitGroup
	for worker := range 64 {
		all.Go(func() {
			for i := worker; i < askers; i += 64 {
				if _, err := ask(d, i, 4*time.Hour); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	minutes, none := map[int64]int{}, 0
	for _, r := range log.records {
		c := &r.Choices[0]
		if !c.Filled() {
			none++
			if c.Excluded[0].Reason != ExcludedByPace || len(c.Excluded) != len(r.Actions) {
				t.Fatalf("%v", c.Excluded)
			}
			continue
		}
		at, _ := r.SendAt()
		if at.Before(r.Send.Earliest) || at.After(r.Send.Latest) {
			t.Fatalf("%s is outside of %s to %s", at, r.Send.Earliest, r.Send.Latest)
		}
		minutes[at.Unix()/60]++
		sum := 0.0
		for _, k := range c.Ranking {
			sum += k.Probability
			if r.Send.Places[k.Action] == FullMinutes {
				t.Fatal("a time without room was drawn from")
			}
		}
		if sum < 1-1e-9 || sum > 1+1e-9 {
			t.Fatalf("probabilities sum to %v", sum)
		}
	}
	for m, n := range minutes {
		if n > perMinute {
			t.Errorf("%d sends in minute %d", n, m)
		}
	}
	// From the first window's begin to the last one's end there are 304 minutes: nearly all have to be full before anybody is refused.
	if len(log.records) != askers || none == 0 || askers-none < 290*perMinute {
		t.Errorf("%d of %d without a minute", none, len(log.records))
	}
}

// With places held the executed frequency is the logged probability: per number of full times, Pearson's chi-square over 4,000
// sends of users of whom nothing is known. It fails by chance with probability 1e-6; the control draws with probabilities of the
// times without those that are full, and must fail.
func TestPacedFrequency(t *testing.T) {
	log := &memoryLog{}
	d := sender(t, 40, log)
	for i := range 4000 {
		must(d.Rank(t.Context(), &Request{Loop: "news", EventID: fmt.Sprint("e", i), UserID: "u", Send: &SendRequest{Latest: sendNow.Add(3*time.Hour + 30*time.Minute)}}))
	}
	served, expected, naive := map[int]float64{}, map[int]float64{}, map[int]float64{}
	for _, r := range log.records {
		if r.Choices[0].Filled() {
			served[r.Choices[0].Served()]++
		}
		for _, k := range r.Choices[0].Ranking {
			expected[k.Action] += k.Probability
			naive[k.Action] += 1 / float64(len(r.Actions))
		}
	}
	if x := pearson(served, expected); x > 42 { // p = 1e-6 with at most 6 degrees of freedom is 39.
		t.Errorf("chi-square %.1f: served %v, expected %v", x, served, expected)
	}
	if x := pearson(served, naive); x < 42 {
		t.Errorf("chi-square %.1f of what is not so: the test cannot fail", x)
	}
}

func pearson(served, expected map[int]float64) (x float64) {
	for i, e := range expected {
		x += (served[i] - e) * (served[i] - e) / e
	}
	return x
}

// What could not be recorded gives its minute back; what waits for a held minute ends with its caller's deadline; and a restart counts
// again what the log has.
func TestPlacesAreGivenBackAndRestored(t *testing.T) {
	log := &memoryLog{fail: ErrNotRecorded}
	d := sender(t, 1, log)
	d.Snapshots.(oneLoop).snapshot.Loop.Log = Unavailable
	one := func(d *Decider, ctx context.Context, id string) (*Record, error) {
		return d.Rank(ctx, &Request{Loop: "news", EventID: id, Send: &SendRequest{Latest: sendNow.Add(59 * time.Second)}})
	}
	if _, err := one(d, t.Context(), "lost"); !errors.Is(err, ErrNotRecorded) {
		t.Fatal(err)
	}
	log.fail = nil
	r := must(one(d, t.Context(), "first"))
	if !r.Choices[0].Filled() {
		t.Fatal("the minute of a decision that was not recorded is gone")
	}
	if r := must(one(d, t.Context(), "second")); r.Choices[0].Filled() {
		t.Fatal("a second send in a minute for one")
	}
	again := sender(t, 1, log)
	again.RestorePace(r)
	if r := must(one(again, t.Context(), "third")); r.Choices[0].Filled() {
		t.Fatal("after a restart, a second send in a minute for one")
	}
	held := sender(t, 1, log)
	w := must(newSendWindow(held.Snapshots.(oneLoop).snapshot.Loop.Send, &SendRequest{Latest: sendNow.Add(59 * time.Second)}, sendNow, time.UTC))
	h := must(held.paces.hold(t.Context(), "news", w, sendNow))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := one(held, ctx, "waits"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	h.settle(nil)
	if r := must(one(held, t.Context(), "after")); !r.Choices[0].Filled() {
		t.Fatal("the minute is not given back")
	}
	if held.paces.forget(sendNow.Unix()/60 + 10); len(held.paces.campaigns) != 0 {
		t.Error("campaigns that are over are kept")
	}
}
