package server

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/nextbest/nextbest/decision"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// rankExample is a request as a web shop sends it: some context, ten offers with three features each.
func rankExample() *nextbestv1.RankRequest {
	m := &nextbestv1.RankRequest{Loop: "open", UserId: "u-1", Context: map[string]*structpb.Value{
		"hour": value(13), "device": value("mobile"), "returning": value(true),
	}}
	for i := range 10 {
		m.Actions = append(m.Actions, &nextbestv1.Action{Id: "offer-" + strconv.Itoa(i), Features: map[string]*structpb.Value{
			"discount": value(0.1 * float64(i)), "tone": value("warm"), "new": value(i%2 == 0),
		}})
	}
	return m
}

// decidedWorld is a world whose decider has its answer ready, so that the server alone is measured.
func decidedWorld(tb testing.TB) *world {
	w := newWorld()
	request, err := requestOf(rankExample(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	record, err := w.deps().Decider.Rank(context.Background(), request)
	if err != nil {
		tb.Fatal(err)
	}
	w.rank = func(context.Context, *decision.Request) (*decision.Record, error) { return record, nil }
	return w
}

func newTestServer(tb testing.TB, deps Deps) *Server {
	srv, err := New(testConfig(), deps)
	if err != nil {
		tb.Fatal(err)
	}
	return srv
}

// clientInProcess calls a server as the gateway does.
func clientInProcess(tb testing.TB, srv *Server) nextbestv1.DecisionServiceClient {
	interceptor, err := srv.interceptor(&inFlight{most: 1000, shed: srv.metrics.shed})
	if err != nil {
		tb.Fatal(err)
	}
	return nextbestv1.NewDecisionServiceClient(newInProcess(srv.services, interceptor, noSpan, false))
}

func BenchmarkRankService(b *testing.B) {
	srv := newTestServer(b, decidedWorld(b).deps())
	service := srv.services[0].impl.(nextbestv1.DecisionServiceServer)
	m := rankExample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := service.Rank(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRankInProcess(b *testing.B) {
	client := clientInProcess(b, newTestServer(b, decidedWorld(b).deps()))
	m := rankExample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Rank(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRankHandler adds JSON and the gateway, without a socket.
func BenchmarkRankHandler(b *testing.B) {
	srv := newTestServer(b, decidedWorld(b).deps())
	body, err := protojson.Marshal(rankExample())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/v1/loops/open/rank", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		srv.http.Handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body.String())
		}
	}
}

// BenchmarkRankGRPC is a call over a socket; the allocations are those of the client and the server.
func BenchmarkRankGRPC(b *testing.B) {
	r := serve(b, testConfig(), decidedWorld(b).deps())
	client, m := r.decisions(), rankExample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Rank(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRankREST is a call over a socket; the allocations are those of the client and the server.
func BenchmarkRankREST(b *testing.B) {
	r := serve(b, testConfig(), decidedWorld(b).deps())
	body, err := protojson.Marshal(rankExample())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if a := r.rest(http.MethodPost, "/v1/loops/open/rank", string(body)); a.status != http.StatusOK {
			b.Fatal(string(a.body))
		}
	}
}

// TestAllocations is the budget of what the server adds to a call: interceptors, metrics, the copy between messages.
func TestAllocations(t *testing.T) {
	srv := newTestServer(t, decidedWorld(t).deps())
	service := srv.services[0].impl.(nextbestv1.DecisionServiceServer)
	client, m, ctx := clientInProcess(t, srv), rankExample(), context.Background()
	direct := testing.AllocsPerRun(200, func() { _, _ = service.Rank(ctx, m) })
	through := testing.AllocsPerRun(200, func() { _, _ = client.Rank(ctx, m) })
	const forService, forServer = 25, 50
	if direct > forService {
		t.Errorf("the service allocates %v times, the budget is %d", direct, forService)
	}
	if through-direct > forServer {
		t.Errorf("the way to it allocates %v times more, the budget is %d", through-direct, forServer)
	}
	t.Logf("service %v, and the way to it %v", direct, through-direct)
}
