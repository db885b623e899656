package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
	"github.com/nextbest/nextbest/proto/openapi"
)

// maxHeaderBytes bounds the headers of a request over either protocol.
const maxHeaderBytes = 16 << 10

// interceptor returns what every call over either protocol runs through, in order.
func (s *Server) interceptor(limit *inFlight) (grpc.UnaryServerInterceptor, error) {
	validate, err := validation(s.services)
	if err != nil {
		return nil, err
	}
	return chain(
		s.edge.intercept,
		recovery.UnaryServerInterceptor(s.edge.catch()),
		limit.intercept,
		deadline(s.config.DefaultDeadline, s.config.DeadlineMargin),
		validate,
	), nil
}

// newGRPC returns the server of gRPC. The items of batches are calls of their own.
func (s *Server) newGRPC(interceptor grpc.UnaryServerInterceptor, calls *inProcess) *grpc.Server {
	server := grpc.NewServer(append(s.tracing.options(),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.UnaryInterceptor(interceptor),
		grpc.StreamInterceptor(recovery.StreamServerInterceptor(recovery.WithRecoveryHandlerContext(s.catchStream))),
		grpc.MaxRecvMsgSize(s.config.MaxMessageBytes),
		grpc.MaxConcurrentStreams(uint32(s.config.MaxStreams)),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(s.config.ReadTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle:     s.config.IdleTimeout,
			MaxConnectionAge:      s.config.MaxConnectionAge,
			MaxConnectionAgeGrace: 10 * time.Second,
			Time:                  30 * time.Second,
			Timeout:               10 * time.Second,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)...)
	for _, service := range s.services {
		server.RegisterService(withReadErrors(service.desc, s.unread), service.impl)
	}
	nextbestv1.RegisterBatchServiceServer(server, &batchService{calls: calls, edge: s.edge, loops: s.deps.Loops, batches: s.batches})
	healthgrpc.RegisterHealthServer(server, s.health)
	if s.config.Reflection {
		reflection.Register(server)
	}
	return server
}

// unread refuses a message that gRPC could not decode.
func (s *Server) unread(ctx context.Context, method string, err error) error {
	f := malformed(err.Error())
	f.cause = err
	s.metrics.refused(ctx, f.reason, false)
	s.edge.log.call(ctx, method, f)
	return f.status().Err()
}

// catchStream is the edge's catch for streams.
func (s *Server) catchStream(ctx context.Context, value any) error {
	f := classify(s.edge.caught(ctx, value))
	s.edge.log.call(ctx, "stream", f)
	return f.status().Err()
}

func (s *Server) newHTTP(conn *inProcess) (*http.Server, error) {
	handler := &httpHandler{maxBytes: int64(s.config.MaxMessageBytes), metrics: s.metrics, routes: routesOf(s.services)}
	gateway, err := newGateway(conn, handler.refuse)
	if err != nil {
		return nil, fmt.Errorf("make the REST gateway: %w", err)
	}
	handler.gateway = gateway
	handler.batches = &ndjson{
		calls: conn, codec: newJSONCodec(), maxLine: s.config.MaxMessageBytes, readTimeout: s.config.ReadTimeout, writeTimeout: s.config.WriteTimeout, batches: s.batches, refuse: handler.refuse,
	}
	if handler.webhooks, err = newWebhooks(s.config, s.deps, s.metrics, newWebhookSink(conn, s.deps.Tracker != nil)); err != nil {
		return nil, fmt.Errorf("make the webhooks: %w", err)
	}
	handler.fixed = map[string]http.Handler{
		"/healthz":      http.HandlerFunc(s.serveHealthz),
		"/readyz":       http.HandlerFunc(s.serveReadyz),
		"/metrics":      s.metrics.handler(),
		"/openapi.json": http.HandlerFunc(serveOpenAPI),
	}
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: s.config.ReadHeaderTimeout,
		ReadTimeout:       s.config.ReadTimeout,
		WriteTimeout:      s.config.WriteTimeout,
		IdleTimeout:       s.config.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.deps.Logger.Handler(), slog.LevelDebug),
	}, nil
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openapi.Document())
}

// Shutdown stops in the reverse order of starting: not ready, a pause for balancers to notice, no more REST, no more
// gRPC, telemetry. Calls that run may end by themselves until ctx is done; then they are cut off. Only the first call
// does anything, and others wait for it.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.stopping.Store(true)
		close(s.stop)
		s.setHealth()
		s.health.Shutdown()
		wait(ctx, s.config.DrainDelay)
		s.stopErr = errors.Join(
			s.stopHTTP(ctx),
			s.stopGRPC(ctx),
			named("stop metrics", s.metrics.shutdown(context.WithoutCancel(ctx))), // collects no more, waits for nothing
		)
		s.tracing.shutdown(context.WithoutCancel(ctx), s.deps.Logger)
	})
	return s.stopErr
}

func (s *Server) stopHTTP(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	return named("stop REST", err)
}

func (s *Server) stopGRPC(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.grpc.Stop() // ends GracefulStop as well
		<-done
		return named("stop gRPC", ctx.Err())
	}
}

func named(step string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
