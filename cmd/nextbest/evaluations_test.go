package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// rest calls the service, and returns the answer's status, headers and JSON.
func (s *service) rest(method, path string, body any) (int, http.Header, map[string]any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequest(method, "http://"+s.http+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(answer, &fields); err != nil {
		s.t.Fatalf("%s: %v", answer, err)
	}
	return response.StatusCode, response.Header, fields
}

const evaluationsPath = "/v1/loops/page/evaluations"

// evaluate starts an evaluation and returns it once it has ended.
func (s *service) evaluate(body any) map[string]any {
	s.t.Helper()
	code, _, started := s.rest("POST", evaluationsPath, body)
	if code != http.StatusOK {
		s.t.Fatalf("%d %v", code, started)
	}
	return s.ended(started["id"].(string))
}

func (s *service) ended(id string) map[string]any {
	s.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		_, _, e := s.rest("GET", evaluationsPath+"/"+id, nil)
		if state := e["state"]; state != "queued" && state != "running" {
			return e
		}
		if e["result"] != nil || e["progress"].(float64) >= 1 {
			s.t.Fatalf("has a result before its end: %v", e)
		}
	}
	s.t.Fatalf("evaluation %s has no end", id)
	return nil
}

// same brings both documents into one form: the names of the API, without what is absent, whole numbers as numbers.
func same(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			if member = same(member); member != nil {
				out[camel(name)] = member
			}
		}
		if len(out) > 0 {
			return out
		}
	case []any:
		var out []any
		for _, element := range v {
			out = append(out, same(element))
		}
		if len(out) > 0 {
			return out
		}
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return float64(n)
		}
		if v != "" {
			return v
		}
	default:
		return v
	}
	return nil
}

func camel(name string) string {
	parts := strings.Split(name, "_")
	for i := range parts[1:] {
		if p := parts[i+1]; p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// playPage serves the loop page with windows of a second, plays and waits until all is learned.
func playPage(t *testing.T, program string, events int) *service {
	t.Helper()
	loops := t.TempDir()
	file := strings.NewReplacer("1h", "1s", "{type: epsilon_greedy}", "{type: epsilon_greedy, epsilon: 0.4}")
	deploy(t, loops, "page.yaml", file.Replace(fmt.Sprintf(pageLoop, "epsilon_greedy")))
	s := startWith(t, program, t.TempDir(), loops)
	s.play("first", events)
	s.await("page", "the end of all windows", func(l *nextbestv1.Loop) bool {
		return l.GetLearner().GetOpenEvents() == 0 && l.GetSnapshot().GetEvents() == uint64(events)
	})
	s.play("last", 1) // A window ends at the next record.
	s.await("page", "the end of the last window", func(l *nextbestv1.Loop) bool { return l.GetLearner().GetOpenEvents() == 0 })
	return s
}

// The service finds what nextbest evaluate finds beside it in the same log, number by number, over both protocols.
func TestEvaluationsEqualTheCommand(t *testing.T) {
	program := binary(t, "")
	s := playPage(t, program, 300)
	candidate := filepath.Join(t.TempDir(), "page.yaml")
	file := fmt.Sprintf(pageLoop, "squarecb")
	if err := os.WriteFile(candidate, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	policies := []map[string]any{{"name": candidate, "loopFile": file}, {"name": "online"}, {"name": "action:*"}}
	for _, c := range []struct {
		flags []string
		body  map[string]any
	}{
		{nil, map[string]any{}},
		{[]string{"--estimators", "ips,switch_dr,dr+slope", "--lambda", "3", "--alpha", "0.1", "--interval", "bootstrap", "--rounds", "50", "--seed", "7", "--per-slot"},
			map[string]any{"estimators": []string{"ips", "switch_dr", "dr+slope"}, "lambda": 3, "alpha": 0.1, "interval": "bootstrap", "rounds": 50, "seed": 7, "perSlot": true}},
		{[]string{"--since", "2020-01-01", "--until", "2100-01-01", "--open"}, map[string]any{"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z", "open": true}},
	} {
		c.body["policies"] = policies
		args := append([]string{"evaluate", "--data", s.data, "--loop", "page", "--policy", candidate, "--policy", "online", "--policy", "action:*", "--json"}, c.flags...)
		for try := 0; ; try++ { // The learner may still write a record or two.
			before := evaluateJSON(t, program, args)
			e := s.evaluate(c.body)
			if e["state"] != "done" || e["progress"] != 1.0 {
				t.Fatalf("%v", e)
			}
			if !cmp.Equal(before, evaluateJSON(t, program, args)) && try < 5 {
				continue
			}
			if n := before["source"].(map[string]any)["rows"]; n.(float64) < 300 {
				t.Fatalf("%v rows: the test shows nothing", n)
			}
			if diff := cmp.Diff(any(before), same(e["result"])); diff != "" {
				t.Errorf("%v (-command +API):\n%s", c.flags, diff)
			}
			s.overGRPC(e)
			break
		}
	}
}

func evaluateJSON(t *testing.T, program string, args []string) map[string]any {
	t.Helper()
	out, errs, code := command(t, program, args...)
	var document map[string]any
	if err := json.Unmarshal([]byte(out), &document); err != nil || code != exitDone {
		t.Fatalf("%d %v: %s", code, err, errs)
	}
	source := document["source"].(map[string]any)
	delete(source, "data")
	if source["skipped"] == nil {
		source["skipped"] = 0.0 // The command leaves it out, the API does not.
	}
	return same(document).(map[string]any)
}

// overGRPC insists that gRPC and the list say of an evaluation what REST says.
func (s *service) overGRPC(e map[string]any) {
	s.t.Helper()
	client := nextbestv1.NewEvaluationServiceClient(s.conn)
	m, err := client.GetEvaluation(s.t.Context(), &nextbestv1.GetEvaluationRequest{Loop: "page", Id: e["id"].(string)})
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		s.t.Fatal(err)
	}
	// Without what gRPC does not send: fields at their defaults.
	if diff := cmp.Diff(withoutZeros(same(e)), withoutZeros(same(fields))); diff != "" {
		s.t.Errorf("(-REST +gRPC):\n%s", diff)
	}
	list, err := client.ListEvaluations(s.t.Context(), &nextbestv1.ListEvaluationsRequest{Loop: "page"})
	if err != nil || list.GetEvaluations()[0].GetId() != m.GetId() || list.GetEvaluations()[0].GetResult() != nil {
		s.t.Errorf("%v, %v", list, err)
	}
}

func withoutZeros(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if member == 0.0 || member == false {
				delete(v, name)
				continue
			}
			withoutZeros(member)
		}
	case []any:
		for _, element := range v {
			withoutZeros(element)
		}
	}
	return v
}

// slowEvaluation takes a minute or so.
func slowEvaluation() map[string]any {
	policies := make([]map[string]any, 100)
	for i := range policies {
		policies[i] = map[string]any{"name": fmt.Sprint("action:", i)} // Each the baseline, by another name.
	}
	return map[string]any{"policies": policies, "interval": "bootstrap", "rounds": 100000}
}

// A full queue refuses with a hint, what is cancelled frees its place at once, decisions are served all the while, and a
// service that is told to stop does not wait for an evaluation.
func TestEvaluationsAreBounded(t *testing.T) {
	s := playPage(t, binary(t, ""), 300)
	var ids []string
	for range 9 {
		code, _, e := s.rest("POST", evaluationsPath, slowEvaluation())
		if code != http.StatusOK {
			t.Fatalf("%d %v", code, e)
		}
		ids = append(ids, e["id"].(string))
	}
	code, header, refused := s.rest("POST", evaluationsPath, slowEvaluation())
	if code != http.StatusTooManyRequests || header.Get("Retry-After") != "30" || refused["reason"] != "EVALUATIONS_FULL" {
		t.Errorf("%d %v %v", code, header, refused)
	}
	client := nextbestv1.NewEvaluationServiceClient(s.conn)
	_, err := client.StartEvaluation(t.Context(), &nextbestv1.StartEvaluationRequest{Loop: "page", Policies: []*nextbestv1.EvaluatedPolicy{{Name: "uniform"}}})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("over gRPC: %v", err)
	}
	s.play("meanwhile", 20)
	for _, id := range ids {
		if code, _, e := s.rest("POST", evaluationsPath+"/"+id+"/cancel", map[string]any{}); code != http.StatusOK || e["state"] != "cancelled" {
			t.Errorf("%d %v", code, e)
		}
	}
	if e := s.evaluate(map[string]any{"policies": []map[string]any{{"name": "uniform"}}}); e["state"] != "done" {
		t.Errorf("after the cancelled ones: %v", e)
	}
	code, _, last := s.rest("POST", evaluationsPath, slowEvaluation())
	if code != http.StatusOK {
		t.Fatalf("%d %v", code, last)
	}
	time.Sleep(time.Second)
	if _, _, e := s.rest("GET", evaluationsPath+"/"+last["id"].(string), nil); e["state"] != "running" {
		t.Errorf("the stop is to interrupt it: %v", e)
	}
	s.stop(10 * time.Second)
}

// stop stops the service in the orderly way, within a time.
func (s *service) stop(within time.Duration) {
	s.t.Helper()
	asked := time.Now()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Wait(); err != nil || time.Since(asked) > within {
		s.t.Errorf("stopped after %v: %v\n%s", time.Since(asked), err, s.log)
	}
}
