package server

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

const (
	rankMethod   = "/nextbest.v1.DecisionService/Rank"
	rewardMethod = "/nextbest.v1.DecisionService/Reward"
	putMethod    = "/nextbest.v1.FeatureService/PutUserFeatures"
)

// badCase is one refused request. It is sent over gRPC as message, and over REST as the message's JSON, or as json
// where the message has none.
type badCase struct {
	name    string
	method  string
	message proto.Message
	json    string
	reason  Reason
	field   string // of the first violation
}

func value(v any) *structpb.Value {
	m, err := structpb.NewValue(v)
	if err != nil {
		panic(err)
	}
	return m
}

func ranked(change func(*nextbestv1.RankRequest)) *nextbestv1.RankRequest {
	m := &nextbestv1.RankRequest{Loop: "open", Actions: []*nextbestv1.Action{{Id: "a"}, {Id: "b"}, {Id: "c"}}}
	change(m)
	return m
}

func actionFeature(v *structpb.Value) *nextbestv1.RankRequest {
	return ranked(func(m *nextbestv1.RankRequest) {
		m.Actions[2].Features = map[string]*structpb.Value{"fine": value(1), "price": v}
	})
}

func rewarded(change func(*nextbestv1.RewardRequest)) *nextbestv1.RewardRequest {
	m := &nextbestv1.RewardRequest{Loop: "open", EventId: "known", Value: proto.Float64(1), Metric: "click"}
	change(m)
	return m
}

func badCases() []badCase {
	type rank = nextbestv1.RankRequest
	type reward = nextbestv1.RewardRequest
	nan := structpb.NewNumberValue(math.NaN())
	return append(badEvaluations(), []badCase{
		{"unknown loop", rankMethod, &rank{Loop: "nowhere"}, "", UnknownLoop, ""},
		{"impossible loop", rankMethod, &rank{Loop: "No Such Loop"}, "", InvalidField, "loop"},
		{"no actions, no catalogue", rankMethod, &rank{Loop: "open"}, "", InvalidField, "actions"},
		{"action without id", rankMethod, ranked(func(m *rank) { m.Actions[1].Id = "" }), "", InvalidField, "actions[1].id"},
		{"action id too long", rankMethod, ranked(func(m *rank) { m.Actions[1].Id = strings.Repeat("ü", 65) }), "", InvalidField, "actions[1].id"},
		{"duplicate action", rankMethod, ranked(func(m *rank) { m.Actions[2].Id = "a" }), "", InvalidField, "actions[2].id"},
		{"duplicate slot", rankMethod, ranked(func(m *rank) { m.Slots = []*nextbestv1.Slot{{Id: "x"}, {Id: "x"}} }), "", InvalidField, "slots[1].id"},
		{"unknown baseline", rankMethod, ranked(func(m *rank) { m.Slots = []*nextbestv1.Slot{{Id: "x", BaselineAction: "z"}} }), "", InvalidField, "slots[0].baselineAction"},
		{"unknown baseline of a catalogue", rankMethod, &rank{Loop: "shop", Slots: []*nextbestv1.Slot{{Id: "x", BaselineAction: "z"}}}, "", InvalidField, "slots[0].baselineAction"},
		{"empty exclusion", rankMethod, ranked(func(m *rank) { m.ExcludedActions = []string{"a", ""} }), "", InvalidField, "excludedActions[1]"},
		{"long exclusion of a slot", rankMethod, ranked(func(m *rank) {
			m.Slots = []*nextbestv1.Slot{{Id: "x", ExcludedActions: []string{strings.Repeat("x", 129)}}}
		}), "", InvalidField, "slots[0].excludedActions[0]"},
		{"too many slots", rankMethod, ranked(func(m *rank) { m.Slots = make([]*nextbestv1.Slot, 51); fillSlots(m.Slots) }), "", InvalidField, "slots"},
		{"event id too long", rankMethod, ranked(func(m *rank) { m.EventId = strings.Repeat("x", 129) }), "", InvalidField, "eventId"},
		{"user id too long", rankMethod, ranked(func(m *rank) { m.UserId = strings.Repeat("x", 257) }), "", InvalidField, "userId"},
		{"object as feature", rankMethod, actionFeature(value(map[string]any{"eur": 1})), "", InvalidField, "actions[2].features.price"},
		{"mixed list", rankMethod, actionFeature(value([]any{1, "x"})), "", InvalidField, "actions[2].features.price"},
		{"list of lists", rankMethod, actionFeature(value([]any{[]any{1}})), "", InvalidField, "actions[2].features.price"},
		{"long text", rankMethod, actionFeature(value(strings.Repeat("x", 1025))), "", InvalidField, "actions[2].features.price"},
		{"long vector", rankMethod, actionFeature(value(make4097())), "", InvalidField, "actions[2].features.price"},
		{"NaN feature", rankMethod, actionFeature(nan), "-", InvalidField, "actions[2].features.price"},
		{"infinite in a list", rankMethod, actionFeature(structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{value(1), structpb.NewNumberValue(math.Inf(1))}})), "-", InvalidField, "actions[2].features.price"},
		{"value without a kind", rankMethod, actionFeature(&structpb.Value{}), "-", InvalidField, "actions[2].features.price"},
		{"wrong type for the schema", rankMethod, &rank{Loop: "shop", Context: map[string]*structpb.Value{"device": value(1)}}, "", InvalidField, "context.device"},
		{"feature without a name", rankMethod, ranked(func(m *rank) { m.Context = map[string]*structpb.Value{"": value(1)} }), "", InvalidField, "context."},
		{"too many features of the request", rankMethod, ranked(func(m *rank) { m.Context = make257() }), "", InvalidField, "context"},
		{"too many features of an action", rankMethod, ranked(func(m *rank) { m.Actions[1].Features = make257() }), "", InvalidField, "actions[1].features"},
		{"too many features of a user", putMethod, &nextbestv1.PutUserFeaturesRequest{UserId: "u", Features: make257()}, "", InvalidField, "features"},
		{"reward without value", rewardMethod, rewarded(func(m *reward) { m.Value = nil }), "", InvalidField, "value"},
		{"NaN reward", rewardMethod, rewarded(func(m *reward) { m.Value = proto.Float64(math.NaN()) }), "", InvalidField, "value"},
		{"infinite reward", rewardMethod, rewarded(func(m *reward) { m.Value = proto.Float64(math.Inf(-1)) }), "", InvalidField, "value"},
		{"reward out of range", rewardMethod, rewarded(func(m *reward) { m.Value = proto.Float64(10.5) }), "", InvalidField, "value"},
		{"unknown metric", rewardMethod, rewarded(func(m *reward) { m.Metric = "opens" }), "", InvalidField, "metric"},
		{"which metric", rewardMethod, rewarded(func(m *reward) { m.Metric = "" }), "", InvalidField, "metric"},
		{"slot of an event without", rewardMethod, rewarded(func(m *reward) { m.SlotId = "top" }), "", InvalidField, "slotId"},
		{"unknown slot", rewardMethod, rewarded(func(m *reward) { m.EventId, m.SlotId = "slotted", "top" }), "", InvalidField, "slotId"},
		{"reward of the future", rewardMethod, rewarded(func(m *reward) { m.Time = timestamppb.New(start.Add(maxSkew + 1)) }), "", InvalidField, "time"},
		{"reward before its event", rewardMethod, rewarded(func(m *reward) { m.Time = timestamppb.New(start.Add(-maxSkew - 1)) }), "", InvalidField, "time"},
		{"impossible time", rewardMethod, rewarded(func(m *reward) { m.Time = &timestamppb.Timestamp{Nanos: -1} }), "-", InvalidField, "time"},
		{"time before 1970", rewardMethod, rewarded(func(m *reward) { m.EventId, m.Time = "new", &timestamppb.Timestamp{} }), "", InvalidField, "time"},
		{"reward of an unknown loop", rewardMethod, rewarded(func(m *reward) { m.Loop = "nowhere" }), "", UnknownLoop, ""},
		{"no features", putMethod, &nextbestv1.PutUserFeaturesRequest{UserId: "u"}, "", InvalidField, "features"},
		{"object as user feature", putMethod, &nextbestv1.PutUserFeaturesRequest{UserId: "u", Features: map[string]*structpb.Value{"x": value(map[string]any{})}}, "", InvalidField, "features.x"},
		{"another request of the event", rankMethod, ranked(func(m *rank) { m.EventId, m.UserId = "known", "other" }), "", EventConflict, ""},
	}...)
}

func fillSlots(slots []*nextbestv1.Slot) {
	for i := range slots {
		slots[i] = &nextbestv1.Slot{Id: fmt.Sprint(i)}
	}
}

func make257() map[string]*structpb.Value {
	features := map[string]*structpb.Value{}
	for i := range 257 {
		features[fmt.Sprint(i)] = value(i)
	}
	return features
}

func make4097() []any {
	list := make([]any, 4097)
	for i := range list {
		list[i] = i
	}
	return list
}

func withEvents(t *testing.T, r *running) {
	t.Helper()
	for _, m := range []*nextbestv1.RankRequest{
		ranked(func(m *nextbestv1.RankRequest) { m.EventId = "known" }),
		ranked(func(m *nextbestv1.RankRequest) {
			m.EventId, m.Slots = "slotted", []*nextbestv1.Slot{{Id: "left"}, {Id: "right"}}
		}),
	} {
		if _, err := r.decisions().Rank(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBadInput sends every bad request over both protocols. Both must refuse it for the same reason, naming the same
// field in the same words.
func TestBadInput(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	withEvents(t, r)
	for _, c := range badCases() {
		t.Run(c.name, func(t *testing.T) {
			over := r.callGRPC(t, c.method, c.message)
			if over.reason != c.reason || c.field != "" && (len(over.violations) == 0 || over.violations[0].field != c.field) {
				t.Errorf("gRPC: %s %+v: %s", over.reason, over.violations, over.detail)
			}
			if c.json == "-" { // cannot be said in JSON
				return
			}
			a := r.callREST(t, c)
			if a.status != c.reason.meaning().httpStatus || a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("REST: %d %s %s", a.status, a.header.Get("Content-Type"), a.body)
			}
			for path, want := range map[string]any{
				"reason": string(over.reason), "status": float64(a.status), "detail": over.detail, "type": problemTypes + string(over.reason),
			} {
				if got := a.field(path); got != want {
					t.Errorf("REST: %s is %v, want %v", path, got, want)
				}
			}
			if c.field != "" && (a.field("violations.0.field") != c.field || a.field("violations.0.description") != over.violations[0].problem) {
				t.Errorf("REST: violations %v", a.field("violations"))
			}
		})
	}
	if _, err := r.decisions().Rank(t.Context(), &nextbestv1.RankRequest{Loop: "shop"}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// callGRPC returns how a call failed, and insists on the details that every error has.
func (r *running) callGRPC(t *testing.T, method string, m proto.Message) *failure {
	t.Helper()
	err := r.conn.Invoke(t.Context(), method, m, &nextbestv1.ActivateResponse{})
	return failureOver(t, err)
}

func failureOver(t *testing.T, err error) *failure {
	t.Helper()
	s, ok := status.FromError(err)
	if !ok || err == nil {
		t.Fatalf("no error status: %v", err)
	}
	f := failureOf(s)
	info := 0
	for _, d := range s.Details() {
		if _, ok := d.(*errdetails.ErrorInfo); ok {
			info++
		}
	}
	if info != 1 || s.Code() != f.reason.meaning().code {
		t.Errorf("status %v with details %v", s, s.Details())
	}
	return f
}

// callREST sends a case's message the way that the gateway takes it.
func (r *running) callREST(t *testing.T, c badCase) answer {
	t.Helper()
	text := []byte(c.json)
	if c.json == "" {
		var err error
		if text, err = protojson.Marshal(c.message); err != nil {
			text = []byte(`{"value":"NaN"}`)
		}
	}
	var path, verb string
	switch m := c.message.(type) {
	case *nextbestv1.RankRequest:
		verb, path = http.MethodPost, "/v1/loops/"+escape(m.Loop)+"/rank"
	case *nextbestv1.RewardRequest:
		verb, path = http.MethodPost, "/v1/loops/"+escape(m.Loop)+"/events/"+escape(m.EventId)+"/reward"
	case *nextbestv1.StartEvaluationRequest:
		verb, path = http.MethodPost, "/v1/loops/"+escape(m.Loop)+"/evaluations"
	case *nextbestv1.ListEvaluationsRequest:
		return r.rest(http.MethodGet, "/v1/loops/"+escape(m.Loop)+"/evaluations", "")
	case *nextbestv1.GetEvaluationRequest:
		return r.rest(http.MethodGet, "/v1/loops/"+escape(m.Loop)+"/evaluations/"+escape(m.Id), "")
	case *nextbestv1.CancelEvaluationRequest:
		verb, path = http.MethodPost, "/v1/loops/"+escape(m.Loop)+"/evaluations/"+escape(m.Id)+"/cancel"
	case *nextbestv1.PutUserFeaturesRequest:
		verb, path = http.MethodPut, "/v1/users/"+escape(m.UserId)+"/features"
	}
	return r.rest(verb, path, string(text))
}

func escape(s string) string { return strings.ReplaceAll(s, " ", "%20") }

// TestBadJSON is what only REST can get wrong.
func TestBadJSON(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	const rank, reward = "/v1/loops/shop/rank", "/v1/loops/shop/events/e/reward"
	deep := `{"context":{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}}`
	for _, c := range []struct {
		name, method, path, contentType, body string
		reason                                Reason
		field                                 string
	}{
		{"not JSON", "POST", rank, "application/json", `{"eventId":`, MalformedMessage, ""},
		{"text", "POST", rank, "application/json", `hello`, MalformedMessage, ""},
		{"a list", "POST", rank, "application/json", `[]`, MalformedMessage, ""},
		{"named number among features", "POST", rank, "application/json", `{"context":{"b":1,"hour":NaN}}`, MalformedMessage, "context.hour"},
		{"too large a number among features", "POST", rank, "application/json", `{"actions":[{"id":"a"},{"id":"b","features":{"price":1e400}}]}`, MalformedMessage, "actions[1].features.price"},
		{"list for an object", "POST", rank, "application/json", `{"context":[1]}`, MalformedMessage, "context"},
		{"text for a list", "POST", rank, "application/json", `{"actions":"a"}`, MalformedMessage, "actions"},
		{"null action", "POST", rank, "application/json", `{"actions":[{"id":"a"},null]}`, MalformedMessage, "actions[1]"},
		{"number for an action's id", "POST", rank, "application/json", "{\"userId\":\"ü\",\n \"actions\":[{\"id\":\"ü\"},{\"id\":5}]}", MalformedMessage, "actions[1].id"},
		{"feature twice", "POST", rank, "application/json", `{"context":{"a":1,"a":2}}`, MalformedMessage, "context.a"},
		{"no time", "POST", reward, "application/json", `{"value":1,"time":"soon"}`, MalformedMessage, "time"},
		{"number for a time", "POST", reward, "application/json", `{"value":1,"time":5}`, MalformedMessage, "time"},
		{"more after it", "POST", rank, "application/json", `{} {}`, MalformedMessage, ""},
		{"unknown field", "POST", rank, "application/json", `{"colour":"red"}`, MalformedMessage, "colour"},
		{"wrong type", "POST", rank, "application/json", `{"userId":5}`, MalformedMessage, "userId"},
		{"wrong type of a number", "POST", reward, "application/json", `{"value":"much"}`, MalformedMessage, "value"},
		{"number too large", "POST", reward, "application/json", `{"value":1e999}`, MalformedMessage, "value"},
		{"named NaN", "POST", reward, "application/json", `{"value":"NaN"}`, InvalidField, "value"},
		{"named infinity", "POST", reward, "application/json", `{"value":"-Infinity"}`, InvalidField, "value"},
		{"null value", "POST", reward, "application/json", `{"value":null}`, InvalidField, "value"},
		{"field twice", "POST", rank, "application/json", `{"eventId":"a","eventId":"b"}`, MalformedMessage, "eventId"},
		{"not UTF-8", "POST", rank, "application/json", "{\"eventId\":\"\xff\"}", MalformedMessage, ""},
		{"path not UTF-8", "GET", "/v1/loops/shop/events/%ff", "", "", MalformedMessage, "eventId"},
		{"too deep", "POST", rank, "application/json", deep, MalformedMessage, ""},
		{"empty reward", "POST", reward, "application/json", ``, InvalidField, "value"},
		{"no content type", "POST", rank, "", `{}`, UnsupportedMediaType, ""},
		{"plain text", "POST", rank, "text/plain", `{}`, UnsupportedMediaType, ""},
		{"form", "POST", rank, "application/x-www-form-urlencoded", `a=b`, UnsupportedMediaType, ""},
		{"foreign activation", "POST", "/v1/loops/shop/events/e/activate", "", "", UnsupportedMediaType, ""},
		{"wrong method", "GET", rank, "", "", MethodNotAllowed, ""},
		{"wrong method of an event", "DELETE", "/v1/loops/shop/events/e", "", "", MethodNotAllowed, ""},
		{"unknown path", "GET", "/v1/nothing", "", "", UnknownPath, ""},
		{"root", "GET", "/", "", "", UnknownPath, ""},
		{"unknown event", "GET", "/v1/loops/shop/events/nobody", "", "", UnknownEvent, ""},
		{"unknown loop", "GET", "/v1/loops/nowhere", "", "", UnknownLoop, ""},
		{"empty loop", "POST", "/v1/loops//rank", "application/json", "{}", InvalidField, "loop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := r.restAs(c.method, c.path, c.contentType, strings.NewReader(c.body))
			if a.status != c.reason.meaning().httpStatus || a.field("reason") != string(c.reason) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a.header.Get("Content-Type") != "application/problem+json" || a.field("title") == nil || a.field("detail") == "" {
				t.Errorf("not a full problem: %s %s", a.header.Get("Content-Type"), a.body)
			}
			if c.field != "" && a.field("violations.0.field") != c.field {
				t.Errorf("violations of %s", a.body)
			}
			if c.reason == MethodNotAllowed && a.header.Get("Allow") == "" {
				t.Error("no Allow header")
			}
		})
	}
}

// TestContentCoding: a body that is compressed is refused for that, whatever it would look like as JSON.
func TestContentCoding(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	for coding, want := range map[string]int{"gzip": 415, "br": 415, "gzip, gzip": 415, "identity": 200} {
		request, err := http.NewRequest("POST", "http://"+r.srv.HTTPAddr().String()+"/v1/loops/shop/rank", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Content-Encoding", coding)
		if a := r.do(request); a.status != want {
			t.Errorf("%s: %d %s", coding, a.status, a.body)
		}
	}
}

// TestForeignFeatures reads what another pipeline wrote, which may be any bytes.
func TestForeignFeatures(t *testing.T) {
	w := newWorld()
	w.users["u"] = map[string]string{"x": "\xff", "\xfe": "1", "fine": "ü"}
	r := serve(t, testConfig(), w.deps())
	a := r.rest("GET", "/v1/users/u/features", "")
	if a.status != 200 || a.field("features.x") != "\uFFFD" || a.field("features.\uFFFD") != "1" || a.field("features.fine") != "ü" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestMethodOverride keeps a foreign page's simple POST from becoming another method.
func TestMethodOverride(t *testing.T) {
	w := newWorld()
	w.users["u"] = map[string]string{"x": "1"}
	r := serve(t, testConfig(), w.deps())
	request, err := http.NewRequest("POST", "http://"+r.srv.HTTPAddr().String()+"/v1/users/u/features", strings.NewReader("a=b"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-HTTP-Method-Override", "DELETE")
	if a := r.do(request); a.status != http.StatusUnsupportedMediaType || len(w.users) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestTooMuch sends what is too large, over both protocols.
func TestTooMuch(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	many := ranked(func(m *nextbestv1.RankRequest) {
		m.Actions = make([]*nextbestv1.Action, 100_000)
		for i := range m.Actions {
			m.Actions[i] = &nextbestv1.Action{Id: fmt.Sprint(i)}
		}
	})
	if f := r.callGRPC(t, rankMethod, many); f.reason != InvalidField || f.violations[0].field != "actions" {
		t.Errorf("10^5 actions: %s %.200s", f.reason, f.detail)
	}
	text, err := protojson.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	if a := r.rest("POST", "/v1/loops/open/rank", string(text)); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("10^5 actions: %d %.200s", a.status, a.body)
	}
	some := ranked(func(m *nextbestv1.RankRequest) { m.Actions = many.Actions[:1001] })
	if text, err = protojson.Marshal(some); err != nil {
		t.Fatal(err)
	}
	if a := r.rest("POST", "/v1/loops/open/rank", string(text)); a.status != 400 || a.field("violations.0.field") != "actions" {
		t.Errorf("1001 actions: %d %.200s", a.status, a.body)
	}
	const tenMB = 10 << 20
	if a := r.rest("POST", "/v1/loops/open/rank", strings.Repeat(" ", tenMB)); a.status != 413 || a.field("reason") != string(MessageTooLarge) {
		t.Errorf("10 MB: %d %.200s", a.status, a.body)
	}
	unsized := io.MultiReader(strings.NewReader(strings.Repeat(" ", tenMB)))
	if a := r.restAs("POST", "/v1/loops/open/rank", "application/json", unsized); a.status != 413 {
		t.Errorf("10 MB without a length: %d %.200s", a.status, a.body)
	}
	large := ranked(func(m *nextbestv1.RankRequest) { m.UserId = strings.Repeat("x", tenMB) })
	if _, err := r.decisions().Rank(t.Context(), large); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("10 MB over gRPC: %v", err)
	}
	if _, err := r.decisions().Rank(t.Context(), &nextbestv1.RankRequest{Loop: "shop"}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (rawCodec) Unmarshal([]byte, any) error   { return nil }
func (rawCodec) Name() string                  { return "proto" }

// TestBadBytes is what only gRPC can get wrong.
func TestBadBytes(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	call := func(method string, b []byte) error {
		return r.conn.Invoke(t.Context(), method, b, nil, grpc.ForceCodec(rawCodec{}))
	}
	f := failureOver(t, call(rankMethod, []byte("\x0a\x04shop\x1a\x01\xff")))
	if f.reason != MalformedMessage || len(f.violations) == 0 || f.violations[0].field != "userId" {
		t.Errorf("not UTF-8: %s %s %v", f.reason, f.detail, f.violations)
	}
	if f := failureOver(t, call(rankMethod, []byte("\x0a\xff\xff"))); f.reason != MalformedMessage {
		t.Errorf("not protobuf: %s %s", f.reason, f.detail)
	}
	if err := call("/nextbest.v1.DecisionService/Nothing", nil); status.Code(err) != codes.Unimplemented {
		t.Errorf("unknown method: %v", err)
	}
	empty := bytes.Repeat([]byte{0x2a, 0}, 500_000) // half a million actions of two bytes
	if f := failureOver(t, call(rankMethod, append([]byte("\x0a\x04open"), empty...))); f.reason != InvalidField {
		t.Errorf("empty messages: %s %.100s", f.reason, f.detail)
	}
}
