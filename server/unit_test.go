package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/evaluate/jobs"
	"github.com/nextbest/nextbest/eventlog"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
	"github.com/nextbest/nextbest/proto/openapi"
)

func reasons() []Reason {
	return []Reason{
		InvalidField, MalformedMessage, MessageTooLarge, UnsupportedMediaType, MethodNotAllowed, UnknownPath, UnknownLoop,
		UnknownEvent, UnknownEvaluation, EventConflict, UnknownChallenger, ChallengerBroken, NotProven, NotPromoted, LoopChanged,
		Overloaded, EvaluationsFull, LogUnavailable, FeaturesUnavailable, FeaturesUnreadable, DeadlineExceeded, Canceled, Internal,
	}
}

// TestRegistry fixes what shipped: the code and the status of every reason.
func TestRegistry(t *testing.T) {
	want := map[Reason]string{
		InvalidField: "InvalidArgument 400", MalformedMessage: "InvalidArgument 400", MessageTooLarge: "ResourceExhausted 413",
		UnsupportedMediaType: "InvalidArgument 415", MethodNotAllowed: "Unimplemented 405", UnknownPath: "Unimplemented 404",
		UnknownLoop: "NotFound 404", UnknownEvent: "NotFound 404", EventConflict: "AlreadyExists 409",
		UnknownEvaluation: "NotFound 404", EvaluationsFull: "ResourceExhausted 429",
		UnknownChallenger: "NotFound 404", ChallengerBroken: "FailedPrecondition 409", NotProven: "FailedPrecondition 409",
		NotPromoted: "FailedPrecondition 409", LoopChanged: "Aborted 409",
		Overloaded: "Unavailable 503", LogUnavailable: "Unavailable 503", FeaturesUnavailable: "Unavailable 503", FeaturesUnreadable: "FailedPrecondition 409",
		DeadlineExceeded: "DeadlineExceeded 504", Canceled: "Canceled 499", Internal: "Internal 500",
	}
	got := map[Reason]string{}
	for _, r := range reasons() {
		m := r.meaning()
		got[r] = fmt.Sprint(m.code, " ", m.httpStatus)
		f := failureOf((&failure{reason: r, detail: "why", violations: []violation{{"a.b", "is bad"}}}).status())
		if f.reason != r || f.detail != "why" || len(f.violations) != 1 || f.violations[0] != (violation{"a.b", "is bad"}) {
			t.Errorf("%s came back as %+v", r, f)
		}
		if m.title == "" || strings.ToUpper(string(r)) != string(r) {
			t.Errorf("%s: %+v", r, m)
		}
		if (m.code == codes.Unavailable || r == EvaluationsFull) != (retryDelay((&failure{reason: r}).status()) > 0) {
			t.Errorf("%s: a retry hint belongs to what is unavailable or full, and to nothing else", r)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func retryDelay(s *status.Status) (seconds float64) {
	for _, d := range s.Details() {
		if retry, ok := d.(*errdetails.RetryInfo); ok {
			seconds = retry.GetRetryDelay().AsDuration().Seconds()
		}
	}
	return seconds
}

func TestClassify(t *testing.T) {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		want Reason
	}{
		{"field", nil, &decision.InputError{Field: "x", Problem: "is bad"}, InvalidField},
		{"invalid", nil, decision.ErrInvalid, InvalidField},
		{"loop", nil, decision.ErrUnknownLoop, UnknownLoop},
		{"event", nil, decision.ErrNotFound, UnknownEvent},
		{"conflict", nil, decision.ErrEventConflict, EventConflict},
		{"log", nil, decision.ErrUnavailable, LogUnavailable},
		{"log failed", nil, eventlog.ErrFailed, LogUnavailable},
		{"log closed", nil, eventlog.ErrClosed, LogUnavailable},
		{"evaluation", nil, jobs.ErrNotFound, UnknownEvaluation},
		{"evaluations full", nil, jobs.ErrFull, EvaluationsFull},
		{"evaluations closed", nil, jobs.ErrClosed, LogUnavailable},
		{"log full", nil, errors.Join(context.DeadlineExceeded, eventlog.ErrFull), Overloaded},
		{"store", nil, fail(FeaturesUnavailable, errors.New("refused")), FeaturesUnavailable},
		{"deadline", nil, context.DeadlineExceeded, DeadlineExceeded},
		{"canceled", nil, context.Canceled, Canceled},
		{"store, after the caller left", done, fail(FeaturesUnavailable, errors.New("refused")), Canceled},
		{"panic, after the caller left", done, &panicError{value: 1}, Internal},
		{"conflict, after the caller left", done, decision.ErrEventConflict, EventConflict},
		{"anything else", nil, errors.New("index out of range"), Internal},
		{"corrupt record", nil, eventlog.ErrInvalidRecord, Internal},
	} {
		err := fmt.Errorf("wrapped: %w", c.err)
		if c.ctx != nil {
			err = late(c.ctx, err)
		}
		f := classify(err)
		if f.reason != c.want {
			t.Errorf("%s: %s, want %s", c.name, f.reason, c.want)
		}
		if c.want == Internal && f.public() != Internal.meaning().title {
			t.Errorf("%s: the cause is public: %s", c.name, f.public())
		}
	}
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	c := DefaultConfig()
	c.HTTPAddr, c.MaxInFlight, c.DefaultDeadline = "nowhere", 0, -1
	err := c.Validate()
	for _, name := range []string{"HTTPAddr", "MaxInFlight is 0", "DefaultDeadline is -1ns"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: says nothing of %s", err, name)
		}
	}
	if _, err := New(c, Deps{}); err == nil {
		t.Error("New takes a bad configuration")
	}
}

// TestOpenAPI holds the document against the .proto files.
func TestOpenAPI(t *testing.T) {
	services, err := apiServices(newWorld().deps())
	if err != nil {
		t.Fatal(err)
	}
	a := answer{body: openapi.Document()}
	routes := routesOf(services)
	if len(routes) != 17 {
		t.Errorf("%d routes", len(routes))
	}
	for _, route := range routes {
		path := strings.Join(route.parts, "/")
		operation, ok := a.field("paths").(map[string]any)[path].(map[string]any)[strings.ToLower(route.method)].(map[string]any)
		if !ok {
			t.Errorf("%s %s is not in the document", route.method, path)
			continue
		}
		if diff := cmp.Diff(map[string]any{"$ref": "#/components/responses/Problem"}, operation["responses"].(map[string]any)["default"]); diff != "" {
			t.Errorf("%s %s: errors:\n%s", route.method, path, diff)
		}
	}
}

// TestInProcess is the connection by itself: metadata in, headers and trailers out, interceptors with the right method,
// and a request that the handler may change without the caller's seeing it.
func TestInProcess(t *testing.T) {
	var info *grpc.UnaryServerInfo
	desc := &nextbestv1.DecisionService_ServiceDesc
	impl := &echo{}
	conn := newInProcess([]service{{desc: desc, impl: impl}}, func(ctx context.Context, m any, i *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
		info = i
		return h(ctx, m)
	}, noSpan, false)
	client := nextbestv1.NewDecisionServiceClient(conn)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-1")
	request := &nextbestv1.ActivateRequest{Loop: "shop", EventId: "e"}
	var header, trailer metadata.MD
	got, err := client.Activate(ctx, request, grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil {
		t.Fatal(err)
	}
	if got.Outcome != "shop e 00-1" || info.FullMethod != "/nextbest.v1.DecisionService/Activate" || info.Server != impl {
		t.Errorf("%v by %+v", got, info)
	}
	if header.Get("h")[0] != "1" || trailer.Get("t")[0] != "2" || impl.method != info.FullMethod {
		t.Errorf("header %v, trailer %v, method %s", header, trailer, impl.method)
	}
	if !proto.Equal(request, &nextbestv1.ActivateRequest{Loop: "shop", EventId: "e"}) {
		t.Errorf("the caller's request became %v", request)
	}
	if err := conn.Invoke(ctx, "/nextbest.v1.DecisionService/Nothing", request, got); status.Code(err) != codes.Unimplemented {
		t.Errorf("unknown method: %v", err)
	}
}

type echo struct {
	nextbestv1.UnimplementedDecisionServiceServer
	method string
}

func (e *echo) Activate(ctx context.Context, m *nextbestv1.ActivateRequest) (*nextbestv1.ActivateResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	e.method, _ = grpc.Method(ctx)
	if err := errors.Join(grpc.SetHeader(ctx, metadata.Pairs("h", "1")), grpc.SetTrailer(ctx, metadata.Pairs("t", "2"))); err != nil {
		return nil, err
	}
	answer := &nextbestv1.ActivateResponse{Outcome: m.Loop + " " + m.EventId + " " + md.Get("traceparent")[0]}
	m.Loop = "changed"
	return answer, nil
}

// TestHeadersStayOut keeps HTTP callers from setting metadata.
func TestHeadersStayOut(t *testing.T) {
	for _, name := range []string{"Grpc-Metadata-Principal", "X-Api-Key", "Cookie", "X-Forwarded-For", "grpcgateway-host"} {
		if to, ok := traceHeadersOnly(name); ok {
			t.Errorf("%s is forwarded as %s", name, to)
		}
	}
	if to, ok := traceHeadersOnly("traceparent"); !ok || to != "traceparent" {
		t.Error("traceparent is not forwarded")
	}
}

func TestMalformedNamesTheField(t *testing.T) {
	for text, field := range map[string]string{
		`proto:` + "\u00a0" + `(line 1:2): unknown field "colour"`:            "colour",
		`proto: (line 1:11): invalid value for string field userId: 5`:        "userId",
		`proto: (line 1:2): duplicate field "eventId"`:                        "eventId",
		`proto: field nextbest.v1.RankRequest.user_id contains invalid UTF-8`: "userId",
		`proto: syntax error (line 1:12): unexpected token`:                   "",
	} {
		f := malformed(text)
		got := ""
		if len(f.violations) > 0 {
			got = f.violations[0].field
		}
		if got != field || strings.HasPrefix(f.detail, "proto") {
			t.Errorf("%s: field %q, detail %q", text, got, f.detail)
		}
	}
}

func TestRoutesMethods(t *testing.T) {
	services, err := apiServices(newWorld().deps())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{http.MethodDelete, http.MethodGet, http.MethodPut}, routesOf(services).methods("/v1/users/a%2Fb/features")); diff != "" {
		t.Error(diff)
	}
}
