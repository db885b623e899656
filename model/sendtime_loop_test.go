package model

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nextbest/nextbest/features"
)

func sentLoop(t testing.TB, n int) *SendTimeLoop {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	l := NewSendTimeLoop(SendTimesOptions{DefaultReward: 0.1})
	users := []string{"ann", "bob", "", "cat"}
	for i := range n {
		at := HourOfWeek(r.Float64() * 168)
		reward := 0.0
		if h := math.Mod(float64(at), 24); h > 17 && h < 21 && r.Float64() < 0.8 {
			reward = 1
		}
		if l.SettleSend(users[i%4], at, reward); i%10 == 0 {
			l.SettleNone(0.3)
		}
	}
	return l
}

func hourly() (all []Candidate) {
	for h := range 24 {
		all = append(all, Candidate{Features: features.Set{{Name: HourFeature, Value: features.NumberValue(float64(h))}}})
	}
	return all
}

// The state written and read goes on as it would have; who restores it is told of every user again.
func TestSendTimeLoopGoesOnFromItsBytes(t *testing.T) {
	l, again := sentLoop(t, 400), NewSendTimeLoop(SendTimesOptions{DefaultReward: 0.1})
	b := mustBytes(l.AppendBinary(nil))
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*SendTimeLoop{l, again} {
		x.SettleSend("ann", 33.5, 1)
		x.SettleNone(0)
	}
	if !bytes.Equal(mustBytes(l.AppendBinary(nil)), mustBytes(again.AppendBinary(nil))) {
		t.Error("another state")
	}
	var told []string
	again.TakeChanged(func(user string, evidence []float64) {
		var e UserEvidence
		if !e.SetNumbers(evidence) || e.Sends() == 0 {
			t.Errorf("%s: %v", user, evidence)
		}
		told = append(told, user)
	})
	if !slices.Equal(told, []string{"ann", "bob", "cat"}) {
		t.Errorf("told of %v", told)
	}
	again.TakeChanged(func(user string, _ []float64) { t.Errorf("%s has changed again", user) })
	for cut := range len(b) {
		if NewSendTimeLoop(SendTimesOptions{DefaultReward: 0.1}).UnmarshalBinary(b[:cut]) == nil {
			t.Fatalf("%d of %d bytes are taken", cut, len(b))
		}
	}
}

// Through the interface of all models a loop estimates what a SendTimes does with the user's evidence, and what not to send was worth.
func TestSendTimeLoopEstimates(t *testing.T) {
	l := sentLoop(t, 4000)
	p, err := l.Predictor()
	if err != nil {
		t.Fatal(err)
	}
	var e UserEvidence
	if err := e.UnmarshalBinary(l.users["ann"]); err != nil {
		t.Fatal(err)
	}
	candidates := append(hourly(), Candidate{ID: "do_not_send"})
	got := p.Estimate(nil, features.Set{{Name: EvidenceFeature, Value: features.NumbersValue(e.Numbers())}}, candidates)
	hours := make([]HourOfWeek, 24)
	for h := range hours {
		hours[h] = HourOfWeek(h)
	}
	want := l.sends.Predictor().Estimate(nil, &e, hours)
	for h := range hours {
		if got[h].Mean != want[h].Mean || got[h].Variance != want[h].Variance {
			t.Errorf("hour %d: %v, not %v", h, got[h], want[h])
		}
	}
	if none := got[24]; math.Abs(none.Mean-0.3) > 0.01 || none.Events != 400 || none.Variance <= 0 {
		t.Errorf("not to send: %+v", none)
	}
	if !(got[19].Mean > got[24].Mean && got[24].Mean > got[4].Mean) {
		t.Errorf("19:00 %v, not at all %v, 4:00 %v", got[19].Mean, got[24].Mean, got[4].Mean)
	}
	none := p.Estimate(nil, nil, candidates[24:])
	if len(none) != 1 || none[0].Mean != got[24].Mean {
		t.Errorf("alone: %v", none)
	}
}

func TestEvidenceThatIsNone(t *testing.T) {
	for name, numbers := range map[string][]float64{
		"two of three": {1, 2}, "an hour too many": {48, 1, 0}, "before the first": {-1, 1, 0}, "no weight": {1, 0, 0}, "not a number": {1, math.NaN(), 0},
		"an hour that is none": {math.NaN(), 1, 0}, "infinite": {1, 1, math.Inf(1)}, "absurd": {1, 1e300, 0},
	} {
		if e := (UserEvidence{}); e.SetNumbers(numbers) || e != (UserEvidence{}) {
			t.Errorf("%s is taken: %v", name, numbers)
		}
	}
	l := NewSendTimeLoop(SendTimesOptions{})
	l.SettleNone(math.NaN())
	l.SettleSend("ann", HourOfWeek(math.NaN()), 1)
	l.SettleSend("ann", 3, math.Inf(1))
	p, _ := l.Predictor()
	for _, e := range p.Estimate(nil, features.Set{{Name: EvidenceFeature, Value: features.NumbersValue([]float64{1, math.NaN(), 0})}}, hourly()) {
		if math.IsNaN(e.Mean) || math.IsNaN(e.Variance) {
			t.Fatalf("%+v", e)
		}
	}
}

func FuzzSendTimeLoop(f *testing.F) {
	b, _ := sentLoop(f, 20).AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		l := NewSendTimeLoop(SendTimesOptions{DefaultReward: 0.1})
		if l.UnmarshalBinary(b) == nil {
			l.TakeChanged(func(string, []float64) {})
		}
	})
}

func mustBytes(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func BenchmarkSendTimeLoopEstimate(b *testing.B) {
	l := sentLoop(b, 4000)
	p, _ := l.Predictor()
	numbers := features.NumbersValue([]float64{8, 1, 0, 13, 2, 1, 18, 1, 1, 19, 0.99, 0, 30, 1.97, 1})
	context, candidates := features.Set{{Name: EvidenceFeature, Value: numbers}}, append(hourly(), Candidate{ID: "do_not_send"})
	var dst []Estimate
	b.ReportAllocs()
	for b.Loop() {
		dst = p.Estimate(dst[:0], context, candidates)
	}
}
