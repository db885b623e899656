package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// chain makes one interceptor of several, the first outermost. Both protocols run the very same one.
func chain(interceptors ...grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		return link(interceptors, info, handler)(ctx, request)
	}
}

func link(interceptors []grpc.UnaryServerInterceptor, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) grpc.UnaryHandler {
	if len(interceptors) == 0 {
		return handler
	}
	next := link(interceptors[1:], info, handler)
	return func(ctx context.Context, request any) (any, error) {
		return interceptors[0](ctx, request, info, next)
	}
}

// isHealth reports whether a method is of the health service, which must be answered when nothing else can be.
func isHealth(method string) bool {
	return strings.HasPrefix(method, "/"+healthgrpc.Health_ServiceDesc.ServiceName+"/")
}

// edge is the outermost interceptor: it turns errors into statuses by the registry, counts, and logs once.
type edge struct {
	metrics *metrics
	log     *errorLog
}

func (e *edge) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	start := time.Now()
	response, err := handler(ctx, request)
	code := codes.OK
	if err != nil {
		code, err = e.answer(ctx, info.FullMethod, err)
	}
	e.metrics.call(ctx, info.FullMethod, code, time.Since(start))
	return response, err
}

// answer returns the error as callers see it. What is a status already is left as it is.
func (e *edge) answer(ctx context.Context, method string, err error) (codes.Code, error) {
	if s, ok := err.(interface{ GRPCStatus() *status.Status }); ok {
		return s.GRPCStatus().Code(), err
	}
	f := classify(err)
	e.log.call(ctx, method, f)
	s := f.status()
	return s.Code(), s.Err()
}

// errorLog writes the failures that are the server's own, with their causes. When there are many it writes some, and
// says how many it left out: a log that fills the disk would be the next failure.
type errorLog struct {
	logger *slog.Logger
	limit  *rate.Limiter
}

func newErrorLog(logger *slog.Logger) *errorLog {
	return &errorLog{logger: logger, limit: rate.NewLimiter(10, 100)}
}

func (l *errorLog) call(ctx context.Context, method string, f *failure) {
	level := slog.LevelDebug // the caller's fault, or its deadline
	switch f.reason.meaning().code {
	case codes.Internal:
		level = slog.LevelError
	case codes.Unavailable:
		level = slog.LevelWarn
	}
	if !l.logger.Enabled(ctx, level) || level < slog.LevelError && !l.limit.Allow() {
		return
	}
	attrs := []slog.Attr{slog.String("method", method), slog.String("reason", string(f.reason)), slog.Any("error", f)}
	var p *panicError
	if errors.As(f.cause, &p) {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	l.logger.LogAttrs(ctx, level, "call failed", attrs...)
}

// panicError is a panic of a handler, caught.
type panicError struct {
	value any
	stack []byte
}

// Error implements error.
func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// catch turns a panic of a handler into an error, which the edge logs like any other.
func (e *edge) catch() recovery.Option {
	return recovery.WithRecoveryHandlerContext(e.caught)
}

func (e *edge) caught(ctx context.Context, value any) error {
	e.metrics.panicked(ctx)
	return &panicError{value: value, stack: debug.Stack()}
}

// deadline gives calls that come without a deadline the default one, and shaves a margin off those that have one, so
// that what the handler says at its deadline still reaches the caller. A margin never takes more than a tenth.
func deadline(fallback, margin time.Duration) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		left := fallback
		if at, ok := ctx.Deadline(); ok {
			left = time.Until(at)
			left -= min(margin, left/10)
		}
		if left <= 0 {
			return nil, context.DeadlineExceeded
		}
		ctx, cancel := context.WithTimeout(ctx, left)
		defer cancel()
		response, err := handler(ctx, request)
		if err != nil && ctx.Err() != nil {
			err = late(ctx, err)
		}
		return response, err
	}
}
