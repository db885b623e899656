package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// syncBuffer is a log that tests read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestPanic plants a panic: the caller learns nothing of it, the log has its stack once, and the server goes on.
func TestPanic(t *testing.T) {
	w := newWorld()
	w.rank = func(context.Context, *decision.Request) (*decision.Record, error) { panic("secret cause") }
	var log syncBuffer
	deps := w.deps()
	deps.Logger = slog.New(slog.NewTextHandler(&log, nil))
	r := serve(t, testConfig(), deps)
	f := r.callGRPC(t, rankMethod, &nextbestv1.RankRequest{Loop: "shop"})
	if f.reason != Internal || strings.Contains(f.detail, "secret") {
		t.Errorf("%s %s", f.reason, f.detail)
	}
	a := r.rest("POST", "/v1/loops/shop/rank", "{}")
	if a.status != 500 || bytes.Contains(a.body, []byte("secret")) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := strings.Count(log.String(), "secret cause"); n != 2 || strings.Count(log.String(), "fault_test.go") != 2 {
		t.Errorf("two panics are %d times in the log:\n%s", n, log.String())
	}
	if text := string(r.rest("GET", "/metrics", "").body); !strings.Contains(text, "nextbest_panics_total 2\n") {
		t.Error("the panics are not counted")
	}
}

// TestOverload fills the server: what is more is refused at once over both protocols, but health is still answered.
func TestOverload(t *testing.T) {
	w := newWorld()
	entered, leave := make(chan struct{}), make(chan struct{})
	w.rank = func(context.Context, *decision.Request) (*decision.Record, error) {
		entered <- struct{}{}
		<-leave
		return nil, decision.ErrUnavailable
	}
	config := testConfig()
	config.MaxInFlight, config.DefaultDeadline = 2, time.Minute
	r := serve(t, config, w.deps())
	var calls sync.WaitGroup
	for range 2 {
		calls.Go(func() { _, _ = r.decisions().Rank(context.Background(), &nextbestv1.RankRequest{Loop: "shop"}) })
		<-entered
	}
	f := r.callGRPC(t, rankMethod, &nextbestv1.RankRequest{Loop: "shop"})
	if f.reason != Overloaded {
		t.Errorf("%s %s", f.reason, f.detail)
	}
	a := r.rest("POST", "/v1/loops/shop/rank", "{}")
	if a.status != 503 || a.field("reason") != string(Overloaded) || a.header.Get("Retry-After") != "1" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if _, err := healthgrpc.NewHealthClient(r.conn).Check(t.Context(), &healthgrpc.HealthCheckRequest{}); err != nil {
		t.Errorf("health: %v", err)
	}
	text := string(r.rest("GET", "/metrics", "").body)
	for _, line := range []string{`nextbest_shed_total{protocol="grpc"} 1`, `nextbest_shed_total{protocol="rest"} 1`, `nextbest_in_flight 2`} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	close(leave)
	calls.Wait()
	w.set(func() { w.rank = nil })
	if _, err := r.decisions().Rank(t.Context(), &nextbestv1.RankRequest{Loop: "shop"}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestDefaultDeadline hangs a part: callers without a deadline get an answer all the same.
func TestDefaultDeadline(t *testing.T) {
	w := newWorld()
	w.rank = func(ctx context.Context, _ *decision.Request) (*decision.Record, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("hung: %w", decision.ErrUnavailable)
	}
	config := testConfig()
	config.DefaultDeadline = 20 * time.Millisecond
	r := serve(t, config, w.deps())
	if f := r.callGRPC(t, rankMethod, &nextbestv1.RankRequest{Loop: "shop"}); f.reason != DeadlineExceeded {
		t.Errorf("%s %s", f.reason, f.detail)
	}
	if a := r.rest("POST", "/v1/loops/shop/rank", "{}"); a.status != 504 || a.field("reason") != string(DeadlineExceeded) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestCallersDeadline is honoured over both protocols, less a margin.
func TestCallersDeadline(t *testing.T) {
	w := newWorld()
	seen := make(chan time.Duration, 1)
	w.rank = func(ctx context.Context, _ *decision.Request) (*decision.Record, error) {
		at, _ := ctx.Deadline()
		seen <- time.Until(at)
		return nil, decision.ErrUnavailable
	}
	r := serve(t, testConfig(), w.deps())
	check := func(protocol string) {
		if left := <-seen; left > 30*time.Second-r.srv.config.DeadlineMargin || left < 20*time.Second {
			t.Errorf("%s: %s left of 30 s", protocol, left)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, _ = r.decisions().Rank(ctx, &nextbestv1.RankRequest{Loop: "shop"})
	check("gRPC")
	request, err := http.NewRequest("POST", "http://"+r.srv.HTTPAddr().String()+"/v1/loops/shop/rank", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Grpc-Timeout", "30S")
	r.do(request)
	check("REST")
}

// TestPartsDown takes the log and the store away: reports say when to try again.
func TestPartsDown(t *testing.T) {
	w := newWorld()
	r := serve(t, testConfig(), w.deps())
	reward := &nextbestv1.RewardRequest{Loop: "shop", EventId: "e", Value: new(float64)}
	for cause, want := range map[error]Reason{
		eventlog.ErrFailed: LogUnavailable, eventlog.ErrFull: Overloaded, eventlog.ErrClosed: LogUnavailable, errors.New("a bug"): Internal,
	} {
		w.set(func() { w.logErr = fmt.Errorf("wrapped: %w", cause) })
		if f := r.callGRPC(t, rewardMethod, reward); f.reason != want {
			t.Errorf("%v: %s %s", cause, f.reason, f.detail)
		}
		a := r.rest("POST", "/v1/loops/shop/events/e/reward", `{"value":0}`)
		if a.status != want.meaning().httpStatus || (a.header.Get("Retry-After") == "") != (want == Internal) {
			t.Errorf("%v: %d %v %s", cause, a.status, a.header, a.body)
		}
	}
	if len(w.history) != 0 {
		t.Error("something was recorded")
	}
	w.set(func() { w.storeErr = errors.New("connection refused") })
	if a := r.rest("GET", "/v1/users/u/features", ""); a.status != 503 || a.field("reason") != string(FeaturesUnavailable) || bytes.Contains(a.body, []byte("refused")) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for reason, want := range map[string]Reason{
		features.ReasonUnreachable: FeaturesUnavailable, features.ReasonWrongType: FeaturesUnreadable, features.ReasonTooLarge: FeaturesUnreadable,
	} {
		w.set(func() { w.storeErr = &features.StoreError{Op: "fetch", Reason: reason, Err: errors.New("of user u")} })
		a := r.rest("GET", "/v1/users/u/features", "")
		retry := a.header.Get("Retry-After") != ""
		if a.field("reason") != string(want) || retry != (want == FeaturesUnavailable) || !bytes.Contains(a.body, []byte(reason)) || bytes.Contains(a.body, []byte("of user")) {
			t.Errorf("%s: %d %v %s", reason, a.status, a.header, a.body)
		}
	}
}

// TestShutdown lets a running call end, and turns health off before it stops accepting.
func TestShutdown(t *testing.T) {
	w := newWorld()
	entered, leave := make(chan struct{}), make(chan struct{})
	w.rank = func(context.Context, *decision.Request) (*decision.Record, error) {
		close(entered)
		<-leave
		return nil, decision.ErrEventConflict
	}
	r := serve(t, testConfig(), w.deps())
	result := make(chan error, 1)
	go func() {
		_, err := r.decisions().Rank(context.Background(), &nextbestv1.RankRequest{Loop: "shop"})
		result <- err
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- r.srv.Shutdown(context.Background()) }()
	for !r.srv.stopping.Load() {
		time.Sleep(time.Millisecond)
	}
	if ready := r.srv.readiness(); ready.Ready || ready.Checks["server"] != "is stopping" {
		t.Errorf("readiness %v", ready)
	}
	close(leave)
	if err := <-result; status.Code(err) != codes.AlreadyExists {
		t.Errorf("the running call ended with %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestHardStop cuts off a call that does not end.
func TestHardStop(t *testing.T) {
	w := newWorld()
	entered := make(chan struct{})
	w.rank = func(ctx context.Context, _ *decision.Request) (*decision.Record, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	config := testConfig()
	config.DefaultDeadline = time.Hour
	r := serve(t, config, w.deps())
	r.cut = true
	result := make(chan error, 1)
	go func() {
		_, err := r.decisions().Rank(context.Background(), &nextbestv1.RankRequest{Loop: "shop"})
		result <- err
	}()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := r.srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-result; err == nil {
		t.Error("the call that hangs was answered")
	}
}

// TestPortInUse says which port, before anything is served.
func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	config := testConfig()
	config.HTTPAddr = taken.Addr().String()
	srv, err := New(config, newWorld().deps())
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Serve(t.Context()); err == nil || !strings.Contains(err.Error(), "listen for HTTP") || !strings.Contains(err.Error(), config.HTTPAddr) {
		t.Errorf("Serve: %v", err)
	}
}

// TestSlowHeaders opens a connection and says next to nothing: it is closed, and others are served meanwhile.
func TestSlowHeaders(t *testing.T) {
	config := testConfig()
	config.ReadHeaderTimeout = 50 * time.Millisecond
	r := serve(t, config, newWorld().deps())
	conn, err := net.Dial("tcp", r.srv.HTTPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost:")); err != nil {
		t.Fatal(err)
	}
	if a := r.rest("GET", "/healthz", ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(conn); err != nil {
		t.Errorf("the slow connection is still open: %v", err)
	}
}
