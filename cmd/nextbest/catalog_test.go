package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/nextbest/nextbest/internal/redistest"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

const offers = `version: 1
name: offers
actions: catalogue
features:
  action:
    tone: {type: category}
    price: {type: number, default: 0}
  undeclared: reject
guardrails:
  - {name: loud, kind: suitability, forbid: 'action.tone == "loud"'}
  - {name: dear, kind: suitability, forbid: action.price > 100}
  - {name: nights, kind: applicability, forbid: 'time.hour > 30'}
`

func offersLoop(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, "offers.yaml", text)
	return dir
}

// rankedIDs returns what a decision chose among, ordered.
func (s *service) rankedIDs(event string) []string {
	s.t.Helper()
	a, err := s.Rank(context.Background(), &nextbestv1.RankRequest{Loop: "offers", EventId: event})
	if err != nil {
		return nil
	}
	var ids []string
	for _, r := range a.GetRanking() {
		ids = append(ids, r.GetId())
	}
	slices.Sort(ids)
	return ids
}

func (s *service) awaitRanked(what string, want ...string) {
	s.t.Helper()
	var got []string
	for n, deadline := 0, time.Now().Add(15*time.Second); time.Now().Before(deadline); n++ {
		if got = s.rankedIDs(fmt.Sprintf("%s-%d", what, n)); slices.Equal(got, want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("%s: chosen among %q, want %q", what, got, want)
}

func TestTheCatalogue(t *testing.T) {
	program, data := binary(t, ""), t.TempDir()
	loops := offersLoop(t, offers)
	s := startWith(t, program, data, loops)
	run := func(want int, args ...string) string {
		t.Helper()
		args = append(append([]string{"catalog"}, args...), "--server", "http://"+s.http)
		out, errs, status := command(t, program, args...)
		if status != want {
			t.Fatalf("%v: exit %d: %s%s", args, status, out, errs)
		}
		return out
	}
	if _, err := s.Rank(t.Context(), &nextbestv1.RankRequest{Loop: "offers"}); err == nil {
		t.Error("something is served of an empty catalogue")
	}
	file := filepath.Join(t.TempDir(), "offers.ndjson")
	if err := os.WriteFile(file, []byte(`{"id":"a","text":"A","features":{"tone":"warm","price":10}}
{"id":"b","text":"B","features":{"tone":"loud","price":1000}}
{"id":"c","text":"C","features":{"tone":"warm"},"validFrom":"2099-01-01T00:00:00Z"}
{"id":"d","text":"D","features":{"color":"red"}}
not json
{"id":"e","text":"E","features":{"tone":"plain"}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	out := run(exitFailed, "import", file, "--loop", "offers", "--actor", "ann", "--reason", "spring")
	for _, want := range []string{":4: d: ", ":5: no id: ", ":2: b is rejected: dear, loud", "6 rows: 3 admitted, 0 wait for a person, 0 drafts, 1 rejected by rules, 2 refused"} {
		if !strings.Contains(out, want) {
			t.Errorf("import says\n%s, want %q", out, want)
		}
	}
	s.awaitRanked("import", "a", "e")
	run(exitDone, "upsert", `{"id":"e","text":"E again","features":{"tone":"plain"}}`, "--loop", "offers", "--actor", "ann")
	run(exitFailed, "upsert", `{"id":"f","features":{"color":"red"}}`, "--loop", "offers", "--actor", "ann")
	run(exitDone, "pause", "a", "--loop", "offers", "--actor", "ann")
	s.awaitRanked("pause", "e")
	run(exitDone, "restore", "a", "--loop", "offers", "--actor", "ann")
	s.awaitRanked("restore", "a", "e")
	run(exitDone, "retire", "e", "--loop", "offers", "--actor", "ann")
	s.awaitRanked("retire", "a")
	run(exitFailed, "pause", "e", "--loop", "offers", "--actor", "ann")
	run(exitFailed, "pause", "nothing", "--loop", "offers", "--actor", "ann")
	run(exitUsage, "pause", "a", "--actor", "ann")
	if out := run(exitDone, "list", "--loop", "offers", "--state", "rejected"); !strings.Contains(out, "b ") || !strings.Contains(out, "1 actions") {
		t.Errorf("list: %s", out)
	}
	if out := run(exitDone, "get", "a", "--loop", "offers"); !strings.Contains(out, `"tone":"warm"`) {
		t.Errorf("get: %s", out)
	}
	s.kill()
	s = startWith(t, program, data, loops)
	s.awaitRanked("restart", "a")
	s.kill()
	for _, args := range [][]string{{"replay", "--data", data}, {"log", "verify", "--data", data}} {
		if out, errs, status := command(t, program, args...); status != exitDone {
			t.Errorf("%v: %s%s", args, out, errs)
		}
	}
	var audit struct {
		Entries []struct{ Kind, Actor string }
	}
	out, _, _ = command(t, program, "audit", "--data", data, "--kind", "catalogue", "--json")
	if err := json.Unmarshal([]byte(out), &audit); err != nil || len(audit.Entries) != 5 {
		t.Errorf("audit of %d changes: %s", len(audit.Entries), out)
	}
}

// A new action starts from its features: what was learned about those like it, not from nothing.
func TestNewActionsStartFromTheirFeatures(t *testing.T) {
	loops := offersLoop(t, `version: 1
name: offers
actions: catalogue
features:
  action:
    tone: {type: category}
policy: {type: uniform}
`)
	s := startWith(t, binary(t, ""), t.TempDir(), loops)
	upsert := func(ids ...string) {
		t.Helper()
		var variants []any
		for _, id := range ids {
			variants = append(variants, map[string]any{"action": map[string]any{"id": id, "features": map[string]any{"tone": strings.Split(id, "-")[0]}}})
		}
		if status, _, body := s.rest("POST", "/v1/loops/offers/actions", map[string]any{"actor": "ann", "variants": variants}); status != 200 {
			t.Fatalf("upsert: %d %v", status, body)
		}
	}
	upsert("warm-1", "warm-2", "warm-3", "cold-1", "cold-2", "cold-3")
	s.awaitRanked("first", "cold-1", "cold-2", "cold-3", "warm-1", "warm-2", "warm-3")
	for i := range 400 {
		event := fmt.Sprint("e", i)
		a, err := s.Rank(t.Context(), &nextbestv1.RankRequest{Loop: "offers", EventId: event})
		if err != nil {
			t.Fatal(err)
		}
		worth := 0.0
		if strings.HasPrefix(a.GetRewardActionId(), "warm") {
			worth = 1
		}
		if _, err := s.Reward(t.Context(), &nextbestv1.RewardRequest{Loop: "offers", EventId: event, Value: &worth}); err != nil {
			t.Fatal(err)
		}
	}
	upsert("warm-4", "cold-4")
	var scores map[string]float64
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		a, err := s.Rank(t.Context(), &nextbestv1.RankRequest{Loop: "offers"})
		if err != nil {
			t.Fatal(err)
		}
		scores = map[string]float64{}
		for _, r := range a.GetRanking() {
			scores[r.GetId()] = r.GetScore()
		}
		if _, there := scores["warm-4"]; there && scores["warm-4"] > 0.7 && scores["cold-4"] < 0.3 {
			return
		}
	}
	t.Errorf("the new actions' scores are not those of actions like them: %v", scores)
}

// One who looks at what is drawn decides whether it goes live; replicas agree by what they share.
func TestAdmissionsAcrossReplicas(t *testing.T) {
	program, redis := binary(t, ""), redistest.Start(t)
	loops := offersLoop(t, offers+"catalogue: {review_share: 1}\n")
	a := startWith(t, program, t.TempDir(), loops, "--redis", redis.URL())
	b := startWith(t, program, t.TempDir(), loops, "--redis", redis.URL())
	post := func(s *service, path string, body map[string]any) map[string]any {
		t.Helper()
		status, _, answer := s.rest("POST", "/v1/loops/offers/"+path, body)
		if status != 200 {
			t.Fatalf("%s: %d %v", path, status, answer)
		}
		return answer
	}
	variant := func(id string) map[string]any {
		return map[string]any{"action": map[string]any{"id": id, "features": map[string]any{"tone": "warm"}}}
	}
	post(a, "actions", map[string]any{"actor": "ann", "variants": []any{variant("x"), variant("y"), variant("z")}})
	if _, _, waiting := a.rest("GET", "/v1/loops/offers/admissions", nil); len(waiting["actions"].([]any)) != 3 {
		t.Errorf("waiting: %v", waiting)
	}
	post(a, "actions/x/judge", map[string]any{"actor": "bob", "approve": true})
	post(a, "actions/y/judge", map[string]any{"actor": "bob", "approve": false, "reason": "tone"})
	a.awaitRanked("approved", "x")
	b.awaitRanked("approved elsewhere", "x")
	post(b, "actions/z/judge", map[string]any{"actor": "bob", "approve": true})
	a.awaitRanked("approved by the other", "x", "z")
	if status, _, answer := a.rest("POST", "/v1/loops/offers/actions", map[string]any{"variants": []any{variant("x")}}); status != 400 {
		t.Errorf("nobody's change: %d %v", status, answer)
	}
}

func TestLoopsWithoutACatalogueTakeNoActions(t *testing.T) {
	s := start(t, binary(t, ""), t.TempDir())
	status, _, answer := s.rest("POST", "/v1/loops/homepage/actions", map[string]any{"actor": "ann", "variants": []any{map[string]any{"action": map[string]any{"id": "x"}}}})
	if status != 409 || answer["reason"] != "NO_CATALOGUE" {
		t.Errorf("%d %v", status, answer)
	}
}

func TestRowsOfFiles(t *testing.T) {
	dir := t.TempDir()
	table := filepath.Join(dir, "offers.csv")
	if err := os.WriteFile(table, []byte("id,channel,tags,text,price,vip,contact\na,email,x|y,\"Hello, you\",10.5,true,false\nb,,,,,,\nc,email\nd,,,,,,maybe\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rows, err := readRows(table)
	if err != nil || len(rows) != 4 {
		t.Fatal(rows, err)
	}
	a := rows[0].variant.GetAction()
	if rows[0].err != nil || a.GetId() != "a" || a.GetChannel() != "email" || len(a.GetTags()) != 2 || a.GetText() != "Hello, you" ||
		a.GetFeatures()["price"].GetNumberValue() != 10.5 || !a.GetFeatures()["vip"].GetBoolValue() || a.Contact == nil || a.GetContact() {
		t.Errorf("%v, %v", a, rows[0].err)
	}
	if rows[1].err != nil || rows[2].err == nil || rows[2].line != 4 || rows[3].err == nil {
		t.Errorf("%v", rows)
	}
	type offer struct {
		ID    string  `parquet:"id"`
		Tags  string  `parquet:"tags"`
		Price float64 `parquet:"price"`
		Tone  string  `parquet:"features.tone"`
	}
	columns := filepath.Join(dir, "offers.parquet")
	if err := parquet.WriteFile(columns, []offer{{"a", "x|y", 3, "warm"}, {"b", "", 4, "plain"}}); err != nil {
		t.Fatal(err)
	}
	rows, err = readRows(columns)
	if err != nil || len(rows) != 2 || rows[0].err != nil || rows[0].variant.GetAction().GetFeatures()["price"].GetNumberValue() != 3 ||
		rows[0].variant.GetAction().GetFeatures()["tone"].GetStringValue() != "warm" || len(rows[0].variant.GetAction().GetTags()) != 2 {
		t.Errorf("%v, %v", rows, err)
	}
	for name, text := range map[string]string{"x.csv": "name\na\n", "x.txt": "", "y.csv": "", "x.parquet": "no parquet"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readRows(path); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}
