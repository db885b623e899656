package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// startSpan begins the span of a call over REST; what it returns ends it.
type startSpan func(ctx context.Context, method string) (context.Context, func(error))

func noSpan(ctx context.Context, _ string) (context.Context, func(error)) { return ctx, func(error) {} }

// tracing sends spans to a collector. When that is slow or away spans are dropped, and no call waits. The zero tracing
// does nothing.
type tracing struct {
	provider *sdktrace.TracerProvider
	carrier  propagation.TextMapPropagator
}

// newTracing starts tracing if there is an endpoint. OTEL_EXPORTER_OTLP_* say the rest: headers, certificates.
func newTracing(ctx context.Context, endpoint string) (*tracing, error) {
	if endpoint == "" {
		return &tracing{}, nil
	}
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(endpoint),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: false}))
	if err != nil {
		return nil, fmt.Errorf("trace to %s: %w", endpoint, err)
	}
	name := resource.NewSchemaless(attribute.String("service.name", "nextbest"))
	return &tracing{
		provider: sdktrace.NewTracerProvider(
			sdktrace.WithBatcher(exporter, sdktrace.WithExportTimeout(exportTime)), sdktrace.WithResource(name)),
		carrier: propagation.TraceContext{},
	}, nil
}

// options make the gRPC server trace.
func (t *tracing) options() []grpc.ServerOption {
	if t.provider == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(t.provider), otelgrpc.WithPropagators(t.carrier)))}
}

// start returns what traces calls over REST, which pass no gRPC transport.
func (t *tracing) start() startSpan {
	if t.provider == nil {
		return noSpan
	}
	tracer := t.provider.Tracer("github.com/nextbest/nextbest/server")
	return func(ctx context.Context, method string) (context.Context, func(error)) {
		md, _ := metadata.FromIncomingContext(ctx)
		ctx, span := tracer.Start(t.carrier.Extract(ctx, carried(md)), method[1:], trace.WithSpanKind(trace.SpanKindServer))
		return ctx, func(err error) {
			if err != nil {
				span.SetStatus(otelcodes.Error, err.Error())
			}
			span.End()
		}
	}
}

// exportTime bounds one export; flushTime, the wait for the last ones when the server stops.
const (
	exportTime = time.Second
	flushTime  = 3 * time.Second
)

// shutdown sends what is left. That a collector is away is no failure of the server's.
func (t *tracing) shutdown(ctx context.Context, logger *slog.Logger) {
	if t.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		logger.WarnContext(ctx, "the last spans were not sent", "error", err)
	}
}

// carried reads trace headers from metadata.
type carried metadata.MD

// Get implements propagation.TextMapCarrier.
func (c carried) Get(key string) string {
	if values := metadata.MD(c).Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (c carried) Set(key, value string) { metadata.MD(c).Set(key, value) }

// Keys implements propagation.TextMapCarrier.
func (c carried) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}
