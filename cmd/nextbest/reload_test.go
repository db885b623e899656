package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

const pageLoop = `version: 1
name: page
actions:
  - {id: a, features: {price: 1}}
  - {id: b, features: {price: 2}}
features:
  context: {device: {type: category}}
  action: {price: {type: number}}
policy: {type: %s}
reward: {reward_wait_time: 1h, range: [0, 1]}
`

// deploy writes a file as deployment tools do: beside, then renamed over.
func deploy(t *testing.T, dir, name, content string) {
	t.Helper()
	beside := filepath.Join(dir, ".new")
	if err := os.WriteFile(beside, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(beside, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func (s *service) loop(name string) *nextbestv1.Loop {
	s.t.Helper()
	l, err := s.loops.GetLoop(s.t.Context(), &nextbestv1.GetLoopRequest{Loop: name})
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

// await waits until the loop is as wanted.
func (s *service) await(name, what string, ok func(*nextbestv1.Loop) bool) *nextbestv1.Loop {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if l := s.loop(name); ok(l) {
			return l
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("%s: never came; the loop is %v", what, s.loop(name))
	return nil
}

// play ranks and rewards n events, in a world in which b earns 1.
func (s *service) play(prefix string, n int) {
	s.t.Helper()
	s.playFor(prefix, n, "b")
}

// playFor plays in a world in which one action earns 1, the others nothing.
func (s *service) playFor(prefix string, n int, earns string) {
	s.t.Helper()
	for i := range n {
		event := fmt.Sprintf("%s-%d", prefix, i)
		answer, err := s.Rank(s.t.Context(), &nextbestv1.RankRequest{Loop: "page", EventId: event})
		if err != nil {
			s.t.Fatal(err)
		}
		worth := 0.0
		if answer.GetRewardActionId() == earns {
			worth = 1
		}
		if _, err := s.Reward(s.t.Context(), &nextbestv1.RewardRequest{Loop: "page", EventId: event, RewardId: "r", Value: &worth}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// A loop file is changed, broken, mended and given another feature while the service runs: a good file is in force
// without a restart, a bad one leaves the last good one serving and is told, and nothing that was learned is lost.
func TestHotReload(t *testing.T) {
	program, data, loops := binary(t, ""), t.TempDir(), t.TempDir()
	deploy(t, loops, "page.yaml", fmt.Sprintf(pageLoop, "uniform"))
	s := startWith(t, program, data, loops)
	s.play("first", 30)
	s.await("page", "learning", func(l *nextbestv1.Loop) bool { return l.GetSnapshot().GetEvents() == 30 })

	deploy(t, loops, "page.yaml", fmt.Sprintf(pageLoop, "squarecb"))
	l := s.await("page", "the new policy", func(l *nextbestv1.Loop) bool { return strings.HasPrefix(l.GetPolicy(), "squarecb") })
	if l.GetSnapshot().GetEvents() != 30 {
		t.Errorf("%d of 30 events are left after a change of policy", l.GetSnapshot().GetEvents())
	}

	deploy(t, loops, "page.yaml", fmt.Sprintf(pageLoop, "squarecb")+"polcy: {}\n")
	l = s.await("page", "the broken file's error", func(l *nextbestv1.Loop) bool { return l.GetReloadError() != "" })
	if !strings.Contains(l.GetReloadError(), "page.yaml:11:1") {
		t.Errorf("the error does not name file:line:col: %s", l.GetReloadError())
	}
	s.play("second", 10)

	withHour := strings.Replace(fmt.Sprintf(pageLoop, "squarecb"), "context: {", "context: {hour: {type: number, default: 12}, ", 1)
	deploy(t, loops, "page.yaml", withHour)
	l = s.await("page", "the mended file", func(l *nextbestv1.Loop) bool {
		return l.GetReloadError() == "" && l.GetSnapshot().GetEvents() == 40
	})
	if l.GetDecisions() != 40 || l.GetRewards()["joined"] != 40 {
		t.Errorf("after a change of features: %v", l)
	}
	s.kill()

	deploy(t, loops, "page.yaml", "version: 1\nname: page\n")
	s = startWith(t, program, data, loops)
	if l := s.loop("page"); l.GetSnapshot().GetEvents() != 40 || l.GetDecisions() != 40 {
		t.Errorf("after kill -9, with a broken file: %v", l)
	}
	s.await("page", "the error of a file that was broken at start", func(l *nextbestv1.Loop) bool { return l.GetReloadError() != "" })
	s.kill()
	for _, args := range [][]string{{"replay", "--data", data}, {"explain", "--data", data, "first-0"}} {
		if out, errs, status := command(t, program, args...); status != exitDone {
			t.Errorf("nextbest %v: exit %d\n%s%s", args, status, out, errs)
		}
	}
}
