package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/internal/redistest"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// outageCall is one answered or failed call.
type outageCall struct {
	at       time.Time
	fallback string
	err      error
}

// rankAll ranks with 200 ms deadlines from several callers until stop is called, and returns every call.
func rankAll(t *testing.T, s *service) (stop func() []outageCall) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	var calls []outageCall
	for worker := range 8 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				// The call's own deadline is not the end of the test.
				call, done := context.WithTimeout(context.Background(), 200*time.Millisecond)
				answer, err := s.Rank(call, &nextbestv1.RankRequest{Loop: "homepage", UserId: fmt.Sprintf("u-%d-%d", worker, i%100)})
				done()
				mu.Lock()
				calls = append(calls, outageCall{time.Now(), answer.GetFallback(), err})
				mu.Unlock()
				time.Sleep(time.Millisecond)
			}
		})
	}
	return func() []outageCall {
		cancel()
		wg.Wait()
		return calls
	}
}

// Redis is killed, hung and brought back under load: every call is answered within its deadline, those without the
// user's features say so, and the service recovers by itself.
func TestRedisOutageUnderLoad(t *testing.T) {
	for name, outage := range map[string]struct{ begin, end func(*redistest.Server) }{
		"killed": {(*redistest.Server).Kill, (*redistest.Server).Restart},
		"hung":   {(*redistest.Server).Hang, (*redistest.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			redis := redistest.Start(t)
			s := start(t, binary(t, ""), t.TempDir(), "--redis", redis.URL())
			stop := rankAll(t, s)
			time.Sleep(500 * time.Millisecond)
			begun := time.Now()
			outage.begin(redis)
			time.Sleep(1500 * time.Millisecond)
			ended := time.Now()
			outage.end(redis)
			time.Sleep(2 * time.Second)
			checkOutage(t, stop(), begun, ended)
		})
	}
}

func checkOutage(t *testing.T, calls []outageCall, begun, ended time.Time) {
	reasons := map[string]int{}
	before, normal, during, marked, last := 0, 0, 0, 0, ""
	for _, c := range calls {
		if c.err != nil {
			t.Errorf("a call failed %v after the outage began: %v", c.at.Sub(begun), c.err)
		}
		reasons[c.fallback]++
		if c.at.Before(begun) {
			before++
			if c.fallback == "" {
				normal++
			}
		}
		// What was under way when Redis went away may still have been answered by it.
		if c.at.After(begun.Add(300*time.Millisecond)) && c.at.Before(ended) {
			during++
			if c.fallback == decision.FallbackFeaturesTimeout || c.fallback == decision.FallbackFeaturesUnavailable {
				marked++
			}
		}
		last = c.fallback
	}
	t.Logf("%d calls, by fallback: %v", len(calls), reasons)
	// A loaded machine may be late for a user's features now and then; that is marked as well.
	if normal*10 < before*9 {
		t.Errorf("%d of %d calls before the outage had their user's features", normal, before)
	}
	if during < 50 || marked != during {
		t.Errorf("%d of %d calls during the outage say so", marked, during)
	}
	if last != "" {
		t.Errorf("two seconds after Redis came back the fallback is still %q", last)
	}
}

// A pipeline's plain HSET is what a decision reads, and what it read is in the record.
func TestFeaturesThatAPipelineWrote(t *testing.T) {
	redis := redistest.Start(t)
	redis.Do("HSET", "nb:u:{u-1}", "visits", "7", "member", "maybe")
	s := start(t, binary(t, ""), t.TempDir(), "--redis", redis.URL())
	answer, err := s.Rank(t.Context(), &nextbestv1.RankRequest{Loop: "homepage", UserId: "u-1", Explain: true})
	if err != nil {
		t.Fatal(err)
	}
	why := answer.GetExplanation()
	if got := why.GetUserFeatures()["visits"].GetNumberValue(); got != 7 {
		t.Errorf("visits = %v, want 7", got)
	}
	if got := why.GetDefaulted()["member"]; got != "malformed" {
		t.Errorf("member = maybe was defaulted for %q, want malformed", got)
	}
}
