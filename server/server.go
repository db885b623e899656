// Package server answers the API over gRPC and REST.
//
//	gRPC ──► grpc.Server ──────────────────────┐
//	                                           ├─► edge ► recover ► in-flight ► deadline ► validate ► service ► decision, learn, ...
//	REST ──► httpHandler ► gateway ► inProcess ┘
//
// Both protocols run the same interceptors and the same services, so limits, checks and errors are the same by
// construction; REST adds what only it has: paths, content types, JSON. Services translate messages and call the parts
// that they are given (Deps); they decide nothing.
//
// What is promised: whatever a caller sends is answered, or refused with a Reason that says what to do, and the server
// goes on. At most MaxInFlight calls run at once, each of bounded size and with a deadline. Reason.meaning is the only
// place that knows status codes.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
)

// Server serves both protocols. Use it as New, Listen (or not: Serve does it), Serve.
type Server struct {
	config   Config
	deps     Deps
	services []service

	edge    *edge
	metrics *metrics
	tracing *tracing
	health  *health.Server
	grpc    *grpc.Server
	http    *http.Server

	grpcListener, httpListener net.Listener

	stopping atomic.Bool
	stop     chan struct{} // closed when it is
	batches  *batches
	stopOnce sync.Once
	stopErr  error
}

// New builds a server that does not listen yet.
func New(config Config, deps Deps) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	s := &Server{config: config, deps: filled(deps), health: newHealth(), stop: make(chan struct{})}
	s.batches = newBatches(config.MaxInFlight, s.stop)
	var err error
	if s.services, err = apiServices(s.deps); err != nil {
		return nil, err
	}
	if s.metrics, err = newMetrics(s.services); err != nil {
		return nil, err
	}
	if s.tracing, err = newTracing(context.Background(), config.OTLPEndpoint); err != nil {
		return nil, err
	}
	s.edge = &edge{metrics: s.metrics, log: newErrorLog(s.deps.Logger)}
	limit := &inFlight{most: int64(config.MaxInFlight), shed: s.metrics.shed}
	if err := s.metrics.observe(s.deps, limit, func() bool { return s.readiness().Ready }); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	interceptor, err := s.interceptor(limit)
	if err != nil {
		return nil, err
	}
	s.grpc = s.newGRPC(interceptor, newInProcess(s.services, interceptor, s.tracing.start(), false))
	s.http, err = s.newHTTP(newInProcess(s.services, interceptor, s.tracing.start(), true))
	return s, err
}

func filled(d Deps) Deps {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.NewID == nil {
		d.NewID = func() string { return ulid.MustNew(ulid.Timestamp(d.Now()), rand.Reader).String() }
	}
	return d
}

// Listen opens both ports.
func (s *Server) Listen() error {
	var err error
	if s.grpcListener, err = net.Listen("tcp", s.config.GRPCAddr); err != nil {
		return fmt.Errorf("listen for gRPC: %w", err)
	}
	if s.httpListener, err = net.Listen("tcp", s.config.HTTPAddr); err != nil {
		return errors.Join(fmt.Errorf("listen for HTTP: %w", err), s.grpcListener.Close())
	}
	return nil
}

// GRPCAddr returns where gRPC listens, after Listen.
func (s *Server) GRPCAddr() net.Addr { return s.grpcListener.Addr() }

// HTTPAddr returns where REST listens, after Listen.
func (s *Server) HTTPAddr() net.Addr { return s.httpListener.Addr() }

// Serve listens unless Listen was called, and serves until ctx is done or a listener fails; then it shuts down within
// the configured time and returns once nothing of it is running.
func (s *Server) Serve(ctx context.Context) error {
	if s.grpcListener == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var running sync.WaitGroup
	running.Go(func() { s.watchHealth(ctx) })
	running.Go(func() { stop(s.serveGRPC()) })
	running.Go(func() { stop(s.serveHTTP()) })
	<-ctx.Done()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.ShutdownTimeout)
	defer cancel()
	err := s.Shutdown(limited)
	running.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		err = errors.Join(cause, err)
	}
	return err
}

func (s *Server) serveGRPC() error {
	if err := s.grpc.Serve(netutil.LimitListener(s.grpcListener, s.config.MaxConnections)); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve gRPC: %w", err)
	}
	return context.Canceled
}

func (s *Server) serveHTTP() error {
	if err := s.http.Serve(netutil.LimitListener(s.httpListener, s.config.MaxConnections)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return context.Canceled
}
