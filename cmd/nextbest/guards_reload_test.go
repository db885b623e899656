package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

const sharedRules = `version: 1
guardrails:
  - {name: banned, kind: suitability, forbid: 'action.id == "banned"'}
  - {name: loud, kind: suitability, forbid: 'action.tone == "loud"', text: Nobody shouts.}
`

const shelf = `version: 1
name: shelf
actions:
  - {id: banned, features: {tone: warm}}
  - {id: good, features: {tone: warm}}
features:
  action:
    tone: {type: category}
policy: {type: uniform}
guardrails:
  - include: shared
`

// brokenRules returns the shared rules with something done to them that leaves no policy.
func brokenRules(rng *rand.Rand, i int) string {
	switch i % 6 {
	case 0: // cut off within the first rule
		return sharedRules[:rng.IntN(strings.Index(sharedRules, `"banned"'`))]
	case 1:
		return strings.Replace(sharedRules, "forbid", "forbit", 1)
	case 2:
		return "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\n" + sharedRules
	case 3:
		return strings.Replace(sharedRules, `action.id == "banned"`, `[1,2,3].exists(a, action.id.matches("(((x{99}){99}){99})"))`, 1)
	case 4:
		b := []byte(sharedRules)
		b[rng.IntN(20)] ^= 0x80 // no UTF-8 any more
		return string(b)
	default:
		return strings.Replace(sharedRules, `action.id == "banned"`, `acton.id == "banned"`, 1)
	}
}

// A file of shared rules is broken again and again, by new files in its place and by writing into it, while decisions are
// made: no answer is given under a partial or an empty policy, every broken file is reported, and the last good one goes on.
func TestBrokenGuardrailsLeaveTheLastGoodOnes(t *testing.T) {
	rounds := 9
	if os.Getenv("NEXTBEST_SOAK") != "" {
		rounds = 1000
	}
	loops := t.TempDir()
	shared := filepath.Join(loops, "guardrails", "shared.yaml")
	if err := os.MkdirAll(filepath.Dir(shared), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(shared, sharedRules)
	write(filepath.Join(loops, "shelf.yaml"), shelf)
	s := startWith(t, binary(t, ""), t.TempDir(), loops)

	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	var answers atomic.Int64
	for range 4 {
		callers.Go(func() {
			for ctx.Err() == nil {
				a, err := s.Rank(context.Background(), &nextbestv1.RankRequest{Loop: "shelf"})
				if err != nil || a.GetRewardActionId() != "good" || reasonOf(a, "banned") != "banned" {
					t.Errorf("%v, error %v", a, err)
					return
				}
				answers.Add(1)
			}
		})
	}
	reported := func() string {
		_, _, body := s.rest("GET", "/v1/loops/shelf", nil)
		text, _ := body["reloadError"].(string)
		return text
	}
	await := func(what string, holds func(string) bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			said := reported()
			if holds(said) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("never: %s; reported is %q", what, said)
			}
		}
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range rounds {
		text := brokenRules(rng, i)
		switch i % 3 {
		case 0: // in place
			write(shared, text)
		case 1: // a new file in its place
			write(shared+".new", text)
			if err := os.Rename(shared+".new", shared); err != nil {
				t.Fatal(err)
			}
		default: // away
			if err := os.Remove(shared); err != nil {
				t.Fatal(err)
			}
		}
		await(fmt.Sprintf("round %d is reported with its place", i), func(said string) bool { return strings.Contains(said, ".yaml:") })
		write(shared, sharedRules)
		await("the good file is in force", func(said string) bool { return said == "" })
	}
	stop()
	callers.Wait()
	if answers.Load() == 0 {
		t.Error("no decision was made meanwhile")
	}
}

// Without any valid policy there is no service: never one that allows all.
func TestNoPolicyIsNotReady(t *testing.T) {
	loops := t.TempDir()
	for name, text := range map[string]string{"shelf.yaml": shelf} { // what it includes is not there
		if err := os.WriteFile(filepath.Join(loops, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, status := command(t, binary(t, ""), "serve", "--loops", loops, "--data", t.TempDir(), "--http", freeAddress(t), "--grpc", freeAddress(t))
	if status != exitFailed || !strings.Contains(errs, "shelf.yaml:11:14") {
		t.Errorf("exit %d: %s%s", status, out, errs)
	}
}
