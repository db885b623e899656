package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// contested is a loop in which b earns 1 at first and a later; the baseline earns nothing. A file of it for each policy.
const contested = `version: 1
name: page
actions: [{id: nothing}, {id: a}, {id: b}]
features: {undeclared: ignore}
reward: {reward_wait_time: 1s, range: [0, 1]}
policy: {type: %s}
promotion: {mode: %s, minimum_events: 200}
durability: {reward: process}
`

func (s *service) challengers() *nextbestv1.ListChallengersResponse {
	s.t.Helper()
	answer, err := nextbestv1.NewChallengerServiceClient(s.conn).ListChallengers(s.t.Context(), &nextbestv1.ListChallengersRequest{Loop: "page"})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// awaitChallengers waits until the challengers are as wanted; more is done in between.
func (s *service) awaitChallengers(what string, more func(), ok func(*nextbestv1.ListChallengersResponse) bool) *nextbestv1.ListChallengersResponse {
	s.t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	for ; time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if a := s.challengers(); ok(a) {
			return a
		}
		if more != nil {
			more()
		}
	}
	s.t.Fatalf("%s: never came; there is %v", what, s.challengers())
	return nil
}

func deployChallenger(t *testing.T, loops, name, content string) {
	t.Helper()
	dir := filepath.Join(loops, "challengers", "page")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	deploy(t, dir, name, content)
}

func stateOf(a *nextbestv1.ListChallengersResponse, name string) string {
	for _, c := range a.GetChallengers() {
		if c.GetName() == name {
			return c.GetState()
		}
	}
	return ""
}

// The whole way, with the real program: a better challenger is promoted by itself, stands after kill -9, and is taken back by
// itself when the world changes; what is not proven is refused with the numbers unless forced, and taken back by command.
// Metrics, log and replay go along.
func TestChallengerFromFileToPromotion(t *testing.T) {
	program, data, loops := binary(t, ""), t.TempDir(), t.TempDir()
	deploy(t, loops, "page.yaml", fmt.Sprintf(contested, "uniform", "automatic"))
	greedy := fmt.Sprintf(contested, "epsilon_greedy, epsilon: 0.2", "manual")
	deployChallenger(t, loops, "greedy.yaml", greedy)
	deployChallenger(t, loops, "broken.yaml", greedy+"polcy: {}\n")
	deployChallenger(t, loops, "worse.yaml", fmt.Sprintf(contested, "uniform", "manual")+"learning_mode: logging_only\n")
	s := startWith(t, program, data, loops)
	s.awaitChallengers("evaluation", nil, func(a *nextbestv1.ListChallengersResponse) bool {
		return stateOf(a, "greedy") == "evaluating" && stateOf(a, "worse") == "evaluating" && stateOf(a, "broken") == "broken"
	})
	round := 0
	more := func() { round++; s.play(fmt.Sprint("first", round), 40) }
	a := s.awaitChallengers("the promotion", more, func(a *nextbestv1.ListChallengersResponse) bool { return a.GetPromotion() != nil })
	p := a.GetPromotion()
	if p.GetChallenger() != "greedy" || p.GetActor() != "automatic" || p.GetEvidence().GetLower() <= 0 || p.GetForced() {
		t.Errorf("%v", p)
	}
	s.await("page", "the greedy policy", func(l *nextbestv1.Loop) bool { return strings.HasPrefix(l.GetPolicy(), "epsilon_greedy") })
	for _, c := range a.GetChallengers() {
		if c.GetName() == "broken" && !strings.HasSuffix(c.GetError(), "broken.yaml:9:1: polcy is not a key of loop files: did you mean policy?") {
			t.Errorf("the broken file: %v", c)
		}
	}
	s.kill()

	s = startWith(t, program, data, loops)
	if policy := s.loop("page").GetPolicy(); !strings.HasPrefix(policy, "epsilon_greedy") {
		t.Errorf("after kill -9 the policy is %s", policy)
	}
	s.awaitChallengers("the log being read again", nil, func(a *nextbestv1.ListChallengersResponse) bool {
		return a.GetPromotion().GetPosition() == p.GetPosition() && stateOf(a, "greedy") == "in_force" && a.GetWatch() != nil
	})
	if out, _, _ := command(t, program, "challenger", "list", "--server", "http://"+s.http, "--loop", "page"); !strings.Contains(out, "greedy serves since") || !strings.Contains(out, "broken.yaml:9:1") {
		t.Errorf("%s", out)
	}
	fallen := func() { round++; s.playFor(fmt.Sprint("second", round), 40, "a") } // The world changes.
	s.awaitChallengers("the end of the promotion", fallen, func(a *nextbestv1.ListChallengersResponse) bool {
		return a.GetPromotion() == nil && stateOf(a, "greedy") == "taken_back"
	})
	s.await("page", "the policy that was displaced", func(l *nextbestv1.Loop) bool { return l.GetPolicy() == "uniform" })
	s.commandsOfChallengers(program)
	s.kill()
	for _, args := range [][]string{{"replay", "--data", data}, {"explain", "--data", data, "first1-0"}, {"log", "verify", "--data", data},
		{"check", filepath.Join(loops, "challengers", "page", "greedy.yaml")},
		{"evaluate", "--data", data, "--loop", "page", "--policy", filepath.Join(loops, "challengers", "page", "greedy.yaml")}} {
		if out, errs, status := command(t, program, args...); status != exitDone {
			t.Errorf("nextbest %v: exit %d\n%s%s", args, status, out, errs)
		}
	}
	if out, _, _ := command(t, program, "log", "cat", "--data", data, "--kind", "loop_change"); strings.Count(out, "\n") != 5 || !strings.Contains(out, `"reason":"a drill"`) || strings.Count(out, `"takenBack":true`) != 2 ||
		strings.Count(out, `"actor":"automatic"`) != 2 {
		t.Errorf("the changes in the log:\n%s", out)
	}
	if out, _, _ := command(t, program, "log", "cat", "--data", data, "--kind", "challenge"); strings.Count(out, "\n") != 2 || !strings.Contains(out, "epsilon_greedy") {
		t.Errorf("the challenges in the log:\n%s", out)
	}
}

// commandsOfChallengers runs the commands while nothing is promoted.
func (s *service) commandsOfChallengers(program string) {
	s.t.Helper()
	run := func(want int, args ...string) string {
		s.t.Helper()
		out, errs, status := command(s.t, program, append([]string{"challenger"}, append(args, "--server", "http://"+s.http, "--loop", "page")...)...)
		if status != want {
			s.t.Errorf("nextbest challenger %v: exit %d\n%s%s", args, status, out, errs)
		}
		return out + errs
	}
	if out := run(exitFailed, "take-back", "worse"); !strings.Contains(out, "NOT_PROMOTED") {
		s.t.Errorf("%s", out)
	}
	s.play("third", 60)
	time.Sleep(1200 * time.Millisecond) // The window.
	s.awaitChallengers("evidence", func() { s.play(fmt.Sprint("fourth", time.Now().UnixNano()), 1) }, func(a *nextbestv1.ListChallengersResponse) bool {
		for _, c := range a.GetChallengers() {
			if c.GetName() == "worse" && c.GetEvidence().GetEvents() >= 40 {
				return true
			}
		}
		return false
	})
	if out := run(exitFailed, "promote", "worse"); !strings.Contains(out, "NOT_PROVEN") || !strings.Contains(out, "events") {
		s.t.Errorf("%s", out)
	}
	run(exitUsage, "promote", "worse", "--force")
	run(exitUsage, "promote", "worse", "--force", "--reason", " ")
	if out := run(exitFailed, "promote", "nobody"); !strings.Contains(out, "UNKNOWN_CHALLENGER") {
		s.t.Errorf("%s", out)
	}
	var answer map[string]any
	out := run(exitDone, "promote", "worse", "--force", "--reason", "a drill", "--json")
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer["promotion"].(map[string]any)["forced"] != true {
		s.t.Errorf("%v: %s", err, out)
	}
	if out := run(exitDone, "take-back", "worse", "--reason", "the drill is over"); !strings.Contains(out, "worse is taken back") {
		s.t.Errorf("%s", out)
	}
	response, err := http.Get("http://" + s.http + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, want := range []string{`nextbest_promotions_total{kind="taken_back",loop="page"} 2`, `nextbest_challenger_lag_records{loop="page"}`,
		`nextbest_challenger_events{challenger="greedy",loop="page"}`} {
		if !strings.Contains(string(metrics), want) {
			s.t.Errorf("/metrics has no %s", want)
		}
	}
}
