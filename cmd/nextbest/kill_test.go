package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// acknowledged is what callers were told is safe.
type acknowledged struct {
	mu      sync.Mutex
	served  map[string]string // action by event id
	rewards map[string]bool   // by event id and reward id
}

// TestKillNineLosesNothing kills the server under load again and again: everything acknowledged is in the log
// afterwards, none of it twice, and verify and replay agree. NEXTBEST_KILLS sets how often.
func TestKillNineLosesNothing(t *testing.T) {
	kills := 50
	if n, err := strconv.Atoi(os.Getenv("NEXTBEST_KILLS")); err == nil {
		kills = n
	}
	program, data := binary(t, ""), t.TempDir()
	told := killUnderLoad(t, program, data, kills)
	if lost := told.missing(t, data); len(lost) > 0 {
		t.Fatalf("%d of %d acknowledged records are lost or doubled, the first: %s", len(lost), told.count(), lost[0])
	}
	t.Logf("%d kills, %d acknowledged records, none lost, none twice", kills, told.count())
	for _, args := range [][]string{{"log", "verify", "--data", data}, {"replay", "--data", data}} {
		if out, errs, code := command(t, program, args...); code != 0 {
			t.Errorf("nextbest %v: exit %d\n%s%s", args, code, out, errs)
		}
	}
}

// The same test must catch a server that acknowledges before it writes (build tag planted_ack).
func TestKillNineFindsThePlantedBug(t *testing.T) {
	data := t.TempDir()
	told := killUnderLoad(t, binary(t, "planted_ack"), data, 5)
	if lost := told.missing(t, data); len(lost) == 0 {
		t.Fatalf("a server that acknowledges before it writes lost none of %d records: this test cannot fail", told.count())
	} else {
		t.Logf("the planted bug lost %d of %d acknowledged records", len(lost), told.count())
	}
}

func killUnderLoad(t *testing.T, program, data string, kills int) *acknowledged {
	told := &acknowledged{served: map[string]string{}, rewards: map[string]bool{}}
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range kills {
		s := start(t, program, data)
		var workers sync.WaitGroup
		for worker := range 8 {
			workers.Go(func() { told.load(t, s, round, worker) })
		}
		time.Sleep(time.Duration(50+rng.IntN(150)) * time.Millisecond)
		s.kill()
		workers.Wait()
	}
	return told
}

// load decides and rewards until the server is gone.
func (a *acknowledged) load(t *testing.T, s *service, round, worker int) {
	for i := 0; ; i++ {
		event := eventName(round, worker, i)
		answer, err := s.Rank(t.Context(), &nextbestv1.RankRequest{Loop: "homepage", EventId: event, UserId: fmt.Sprint("u-", i%10)})
		if err != nil {
			a.gone(t, err)
			return
		}
		a.mu.Lock()
		a.served[event] = answer.GetRewardActionId()
		a.mu.Unlock()
		if i%3 > 0 {
			continue
		}
		_, err = s.Reward(t.Context(), &nextbestv1.RewardRequest{Loop: "homepage", EventId: event, RewardId: "r", Value: value(float64(i % 2))})
		if err != nil {
			a.gone(t, err)
			return
		}
		a.mu.Lock()
		a.rewards[event] = true
		a.mu.Unlock()
	}
}

func (a *acknowledged) gone(t *testing.T, err error) {
	if c := status.Code(err); c != codes.Unavailable && c != codes.Canceled {
		t.Errorf("a call to a killed server ended with %v", err)
	}
}

func (a *acknowledged) count() int { return len(a.served) + len(a.rewards) }

// missing returns what was acknowledged and is not in the log exactly once, as it was acknowledged.
func (a *acknowledged) missing(t *testing.T, data string) []string {
	served, decisions, rewards := map[string]string{}, map[string]int{}, map[string]int{}
	err := eachRecord(data, 0, func(_ eventlog.Position, r *logv1.Record) error {
		if d := r.GetDecision(); d != nil {
			decisions[d.GetEventId()]++
			served[d.GetEventId()] = d.GetActions()[d.GetSlots()[0].GetAction()[0]].GetId()
		}
		if w := r.GetReward(); w != nil {
			rewards[w.GetEventId()]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var lost []string
	for event, action := range a.served {
		if decisions[event] != 1 || served[event] != action {
			lost = append(lost, fmt.Sprintf("event %s: %d times, serving %q, acknowledged %q", event, decisions[event], served[event], action))
		}
	}
	for event := range a.rewards {
		if rewards[event] != 1 {
			lost = append(lost, fmt.Sprintf("reward of event %s: %d times", event, rewards[event]))
		}
	}
	return lost
}
