package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features/redisstore"
	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/internal/redistest"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// mailing is a loop in which everything that can keep a message back does: consent, a cap, quiet hours where the user is,
// suppressions. nothing reaches nobody and may always be served.
const mailing = `version: 1
name: mailing
actions:
  - {id: nothing, channel: none, contact: false}
  - {id: offer, channel: email, features: {tone: warm}}
  - {id: legal, channel: letter, tags: [legal], features: {tone: plain}}
features:
  user:
    consent: {type: boolean, default: true}
    time_zone: {type: category}
  action:
    tone: {type: category, default: plain}
time_zone_feature: user.time_zone
policy: {type: uniform}
guardrails:
  - {name: consent, kind: suppression, require: 'action.channel == "none" || user.consent'}
  - {name: loud, kind: suitability, forbid: 'action.tone == "loud"'}
contact:
  caps:
    - {name: weekly, limit: 3, window: 7d}
`

func mailingLoops(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mailing.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (s *service) putUser(user string, values map[string]any) {
	s.t.Helper()
	if status, _, body := s.rest("PUT", "/v1/users/"+user+"/features", map[string]any{"features": values}); status != 200 {
		s.t.Fatalf("put features: %d %v", status, body)
	}
}

func (s *service) rankMailing(event, user string) *nextbestv1.RankResponse {
	s.t.Helper()
	answer, err := s.Rank(context.Background(), &nextbestv1.RankRequest{Loop: "mailing", EventId: event, UserId: user})
	if err != nil {
		s.t.Fatalf("rank %s: %v", event, err)
	}
	return answer
}

func reasonOf(a *nextbestv1.RankResponse, action string) string {
	for _, x := range a.GetExcluded() {
		if x.GetId() == action {
			return x.GetReason()
		}
	}
	return ""
}

// onlyOffers is the mailing without anything that reaches nobody.
var onlyOffers = strings.Replace(mailing, "  - {id: nothing, channel: none, contact: false}\n", "", 1)

// servedAtOnce ranks for one user from many callers at once over several services, and returns how many got an action, and
// how many could not be told whether they may: on a busy machine Redis can be late.
func servedAtOnce(t *testing.T, services []*service, prefix string, callers int) (served, late int) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	for i := range callers {
		all.Go(func() {
			a, err := services[i%len(services)].Rank(context.Background(), &nextbestv1.RankRequest{
				Loop: "mailing", EventId: fmt.Sprintf("%s-%d", prefix, i), UserId: "ann",
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case a.GetRewardActionId() != "":
				served++
			case a.GetFallback() != decision.FallbackNoAction || len(a.GetExcluded()) != 2:
				t.Errorf("nothing is served with fallback %q, excluded %v", a.GetFallback(), a.GetExcluded())
			case strings.HasPrefix(reasonOf(a, "offer"), "cap:"):
			default:
				late++
			}
		})
	}
	all.Wait()
	return served, late
}

// Of 1,000 calls at once for one user against a cap of three, three are served; after a kill -9, none more.
func TestACapHoldsAtOnceAndAfterAKill(t *testing.T) {
	data, loops := t.TempDir(), mailingLoops(t, onlyOffers)
	s := startWith(t, binary(t, ""), data, loops, "--feature-budget", "5s", "--max-in-flight", "2000")
	s.putUser("ann", map[string]any{"consent": true})
	if n, late := servedAtOnce(t, []*service{s}, "a", 1000); n != 3 || late > 900 { // On a busy machine calls run out of time before their user is read.
		t.Errorf("%d of 1,000 at once were served, want 3; %d could not be told", n, late)
	}
	s.kill()
	s = startWith(t, binary(t, ""), data, loops, "--feature-budget", "5s")
	if n, _ := servedAtOnce(t, []*service{s}, "b", 50); n != 0 {
		t.Errorf("%d more are served after a restart", n)
	}
	s.kill()
	if out, errs, status := command(t, binary(t, ""), "replay", "--data", data); status != exitDone {
		t.Errorf("replay: %s %s", out, errs)
	}
}

func TestACapHoldsAcrossReplicas(t *testing.T) {
	redis := redistest.Start(t)
	loops := mailingLoops(t, onlyOffers)
	var replicas []*service
	for range 2 {
		replicas = append(replicas, startWith(t, binary(t, ""), t.TempDir(), loops, "--redis", redis.URL(), "--feature-budget", "5s", "--max-in-flight", "2000"))
	}
	redis.Do("hset", redisstore.Key("ann"), "consent", "true")
	total, late := servedAtOnce(t, replicas, "a", 1000)
	for i := 0; late > 0 && total < 3 && i < 20; i++ { // Whoever held a place and came too late has given it back.
		time.Sleep(100 * time.Millisecond)
		n, again := servedAtOnce(t, replicas, fmt.Sprint("b", i), 20)
		total, late = total+n, again+1
	}
	if total != 3 {
		t.Errorf("%d at once over two replicas were served, want 3", total)
	}
}

// What says whether somebody may be reached is broken in many ways. Nobody who must not be is reached in any, and what needs
// no permission is served all the same, with the reason for everything that is not.
func TestGuardrailsFailClosedAndPersonalizationOpen(t *testing.T) {
	calls := 300
	if os.Getenv("NEXTBEST_SOAK") != "" {
		calls = 1_000_000 / 8
	}
	for name, fault := range map[string]func(*redistest.Server){
		"none":   func(*redistest.Server) {},
		"killed": (*redistest.Server).Kill,
		"hung":   (*redistest.Server).Hang,
		"contacts of another type": func(r *redistest.Server) {
			for _, user := range []string{"capped", "optedout"} { // both have consented: only their contacts speak against them
				r.Do("del", redisstore.ContactsKey(user))
				r.Do("set", redisstore.ContactsKey(user), "x")
			}
		},
		"a contact that is none": func(r *redistest.Server) { r.Do("zadd", redisstore.ContactsKey("capped"), "9999999999999", "x") },
		"suppressions of another type": func(r *redistest.Server) {
			r.Do("del", redisstore.SuppressionsKey("optedout"))
			r.Do("set", redisstore.SuppressionsKey("optedout"), "x")
		},
		"features of another type": func(r *redistest.Server) {
			r.Do("del", redisstore.Key("refuses"))
			r.Do("set", redisstore.Key("refuses"), "x")
		},
		"a password": func(r *redistest.Server) { r.Do("config", "set", "requirepass", "secret") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			s := startWith(t, binary(t, ""), t.TempDir(), mailingLoops(t, mailing), "--redis", redis.URL())
			redis.Do("hset", redisstore.Key("refuses"), "consent", "false")
			redis.Do("sadd", redisstore.SuppressionsKey("optedout"), guardrail.EveryChannel)
			redis.Do("hset", redisstore.Key("optedout"), "consent", "true")
			now := time.Now().UnixMilli()
			for i := range 3 {
				redis.Do("zadd", redisstore.ContactsKey("capped"), fmt.Sprint(now-int64(i)), fmt.Sprintf(`["contact","x%d","mailing","offer","email"]`, i))
			}
			redis.Do("hset", redisstore.Key("capped"), "consent", "true")
			fault(redis)
			served := map[string]int{}
			for i := range calls {
				for _, user := range []string{"ann", "refuses", "optedout", "capped"} { // ann never said whether she consents
					a := s.rankMailing(fmt.Sprintf("%s-%d", user, i), user)
					served[a.GetRewardActionId()]++
					if a.GetRewardActionId() != "nothing" {
						t.Fatalf("%s is reached by %q (fallback %q)", user, a.GetRewardActionId(), a.GetFallback())
					}
					if len(a.GetExcluded()) != 2 || reasonOf(a, "offer") == "" || reasonOf(a, "legal") == "" {
						t.Fatalf("not everything that is excluded has its reason: %v", a.GetExcluded())
					}
				}
			}
			if served["nothing"] != 4*calls {
				t.Errorf("served %v", served)
			}
		})
	}
}

// An opt-out holds from the next decision on, for mandatory messages as well, and after a kill -9.
func TestAnOptOutHoldsAtOnce(t *testing.T) {
	text := strings.Replace(onlyOffers, "channel: letter, tags: [legal]", "channel: letter, tags: [legal], mandatory: true", 1)
	data, loops := t.TempDir(), mailingLoops(t, text)
	s := startWith(t, binary(t, ""), data, loops)
	s.putUser("ann", map[string]any{"consent": true})
	if a := s.rankMailing("e-1", "ann"); a.GetRewardActionId() != "legal" || a.GetFallback() != decision.FallbackMandatory || a.GetRanking()[0].GetProbability() != 1 {
		t.Errorf("a mandatory message: %v", a)
	}
	for i, channels := range [][]string{{"letter"}, {"*"}} {
		if status, _, body := s.rest("PUT", "/v1/users/ann/suppressions", map[string]any{"channels": channels, "actor": "ann"}); status != 200 {
			t.Fatalf("suppress: %d %v", status, body)
		}
		a := s.rankMailing(fmt.Sprint("o-", i), "ann")
		if a.GetRewardActionId() == "legal" || reasonOf(a, "legal") != "suppressed" {
			t.Errorf("with %q suppressed: %v", channels, a)
		}
	}
	s.kill()
	s = startWith(t, binary(t, ""), data, loops)
	if a := s.rankMailing("o-9", "ann"); a.GetRewardActionId() != "" {
		t.Errorf("after a restart: %v", a)
	}
	if status, _, body := s.rest("PUT", "/v1/users/ann/suppressions", map[string]any{"channels": []string{"*"}}); status != 400 {
		t.Errorf("nobody's suppression: %d %v", status, body)
	}
}

// The kill switch by API, command and file, on two replicas, within a second; all of it is in the log, which proves it.
func TestTheKillSwitch(t *testing.T) {
	redis := redistest.Start(t)
	data, loops := t.TempDir(), mailingLoops(t, mailing)
	program := binary(t, "")
	a := startWith(t, program, data, loops, "--redis", redis.URL())
	b := startWith(t, program, t.TempDir(), loops, "--redis", redis.URL())
	redis.Do("hset", redisstore.Key("ann"), "consent", "true")
	n := 0
	killed := func(s *service, action string) bool {
		n++
		return reasonOf(s.rankMailing(fmt.Sprint("k-", n), "ann"), action) == decision.ExcludedByKill
	}
	within := func(what string, holds func() bool) {
		t.Helper()
		for start := time.Now(); !holds(); time.Sleep(10 * time.Millisecond) {
			if time.Since(start) > time.Second {
				t.Fatalf("not within a second: %s", what)
			}
		}
	}
	if status, _, body := a.rest("POST", "/v1/kills", map[string]any{"loop": "mailing", "actionId": "offer", "actor": "ann", "reason": "wrong price"}); status != 200 {
		t.Fatalf("kill: %d %v", status, body)
	}
	if !killed(a, "offer") {
		t.Error("it is served after the answer to the kill")
	}
	within("the other replica", func() bool { return killed(b, "offer") })
	run := func(args ...string) string {
		t.Helper()
		out, errs, status := command(t, program, args...)
		if status != exitDone {
			t.Fatalf("%v: %s%s", args, out, errs)
		}
		return out
	}
	run("kill", "--server", "http://"+b.http, "--loop", "mailing", "--action", "offer", "--lift", "--actor", "bob", "--reason", "mended")
	within("lifted on the first", func() bool { return !killed(a, "offer") })
	if err := os.WriteFile(filepath.Join(loops, "kill.yaml"), []byte("all: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	within("the file, on both", func() bool { return killed(a, "nothing") && killed(b, "nothing") })
	if out := run("kill", "--server", "http://"+a.http, "--list"); !strings.Contains(out, "everything") || !strings.Contains(out, "file") {
		t.Errorf("list: %s", out)
	}
	for _, bad := range []map[string]any{{"actor": "x"}, {"loop": "nowhere", "actor": "x"}, {"all": true, "loop": "mailing", "actor": "x"}, {"actionId": "offer", "actor": "x"}, {"all": true}} {
		if status, _, body := a.rest("POST", "/v1/kills", bad); status != 400 && status != 404 {
			t.Errorf("kill %v: %d %v", bad, status, body)
		}
	}
	a.kill()
	var document struct {
		Entries []struct{ Kind, Actor, Loop, Subject, Reason string }
	}
	if err := json.Unmarshal([]byte(run("audit", "--data", data, "--kind", "kill", "--json")), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Entries) < 2 || document.Entries[0].Kind != "kill.set" || document.Entries[0].Actor != "ann" || document.Entries[0].Subject != "offer" || document.Entries[0].Reason != "wrong price" {
		t.Errorf("audit: %+v", document.Entries)
	}
	head := strings.TrimSpace(run("audit", "head", "--data", data))
	run("log", "verify", "--data", data, "--anchor", head)
	if out, _, status := command(t, program, "log", "verify", "--data", data, "--anchor", "1000000"+head[strings.Index(head, ":"):]); status != exitFailed {
		t.Errorf("an anchor that is not there: exit %d: %s", status, out)
	}
}

// What a budget has is never passed, also by many at once, and what is spent is known after a restart.
func TestABudgetHoldsAtOnce(t *testing.T) {
	text := strings.Replace(onlyOffers, "  caps:\n    - {name: weekly, limit: 3, window: 7d}\n", "  budgets:\n    - {name: offers, action: offer, limit: 20}\n    - {name: letters, tag: legal, limit: 10}\n", 1)
	data, loops := t.TempDir(), mailingLoops(t, text)
	s := startWith(t, binary(t, ""), data, loops, "--feature-budget", "5s", "--max-in-flight", "2000")
	served := func(s *service, prefix string, callers int) map[string]int {
		var all sync.WaitGroup
		var mu sync.Mutex
		counts := map[string]int{}
		for i := range callers {
			all.Go(func() {
				a, err := s.Rank(context.Background(), &nextbestv1.RankRequest{Loop: "mailing", EventId: fmt.Sprint(prefix, i), UserId: "ann"})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				counts[a.GetRewardActionId()]++
			})
		}
		all.Wait()
		return counts
	}
	s.putUser("ann", map[string]any{"consent": true})
	got := served(s, "a", 500)
	for i := 0; i < 3; i++ { // What was held for others meanwhile is free again.
		for action, n := range served(s, fmt.Sprint("b", i, "-"), 50) {
			got[action] += n
		}
	}
	for action, limit := range map[string]int{"offer": 20, "legal": 10} {
		if got[action] > limit {
			t.Errorf("%d of %s were served, the budget has %d", got[action], action, limit)
		}
	}
	if got["offer"]+got["legal"] < 28 {
		t.Errorf("only %v were served of 30", got)
	}
	s.kill()
	s = startWith(t, binary(t, ""), data, loops)
	for action, n := range served(s, "c", 50) {
		if got[action] += n; action == "offer" && got[action] > 20 || action == "legal" && got[action] > 10 {
			t.Errorf("after a restart %d of %s were served in all", got[action], action)
		}
	}
}
