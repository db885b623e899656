package server

import (
	"context"
	"encoding/hex"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// spans is a trace collector.
type spans struct {
	collector.UnimplementedTraceServiceServer
	mu   sync.Mutex
	seen map[string]string // trace id by the end of the span's name and its kind
}

func (s *spans) Export(_ context.Context, m *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range m.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				s.seen[hex.EncodeToString(span.GetTraceId())] = span.GetName()
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// TestTracing continues the caller's trace over both protocols, and has sent everything when the server has stopped.
func TestTracing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := &spans{seen: map[string]string{}}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, got)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	defer serving.Wait()
	defer server.Stop()

	config := testConfig()
	config.OTLPEndpoint = "http://" + listener.Addr().String()
	over := map[string]string{"grpc": strings.Repeat("a", 32), "rest": strings.Repeat("b", 32)}
	t.Run("calls", func(t *testing.T) {
		r := serve(t, config, newWorld().deps())
		ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-"+over["grpc"]+"-00f067aa0ba902b7-01")
		if _, err := r.decisions().Rank(ctx, &nextbestv1.RankRequest{Loop: "shop"}); err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequest(http.MethodGet, "http://"+r.srv.HTTPAddr().String()+"/v1/loops", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Traceparent", "00-"+over["rest"]+"-00f067aa0ba902b7-01")
		r.do(request)
	})
	got.mu.Lock()
	defer got.mu.Unlock()
	if got.seen[over["grpc"]] != "nextbest.v1.DecisionService/Rank" || got.seen[over["rest"]] != "nextbest.v1.LoopService/ListLoops" {
		t.Errorf("spans by trace: %v", got.seen)
	}
}

// TestTracingWithoutCollector costs callers nothing, and does not make stopping fail.
func TestTracingWithoutCollector(t *testing.T) {
	config := testConfig()
	config.OTLPEndpoint = "http://127.0.0.1:1"
	r := serve(t, config, newWorld().deps())
	if _, err := r.decisions().Rank(t.Context(), &nextbestv1.RankRequest{Loop: "shop"}); err != nil {
		t.Error(err)
	}
}
