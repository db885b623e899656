package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"google.golang.org/grpc/codes"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
)

// metrics are the server's own measurements. Every label has few values, all known when the server starts or declared
// in loop files: no id of a user, event or action is ever one.
type metrics struct {
	registry *prometheus.Registry
	provider *sdkmetric.MeterProvider
	meter    metric.Meter

	duration metric.Float64Histogram
	panics   metric.Int64Counter
	sheds    metric.Int64Counter
	refusals metric.Int64Counter
	calls    map[callKey]metric.MeasurementOption // made beforehand: a set of attributes is costly to make
}

type callKey struct {
	method   string
	code     codes.Code
	overREST bool
}

// durationBounds are in seconds: fine where answers should be, coarse to the end of any deadline.
var durationBounds = [...]float64{
	.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10,
}

func newMetrics(services []service) (*metrics, error) {
	m := &metrics{registry: prometheus.NewRegistry(), calls: map[callKey]metric.MeasurementOption{}}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(m.registry),
		otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo(), otelprometheus.WithNamespace("nextbest"))
	if err != nil {
		return nil, fmt.Errorf("make the metrics exporter: %w", err)
	}
	m.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	m.meter = m.provider.Meter("github.com/nextbest/nextbest/server")
	for _, s := range services {
		for _, method := range s.desc.Methods {
			m.know(fullMethod(s.desc.ServiceName, method.MethodName))
		}
	}
	m.know(healthgrpc.Health_Check_FullMethodName)
	m.know(healthgrpc.Health_List_FullMethodName)
	return m, m.instruments()
}

func (m *metrics) instruments() error {
	var errs [4]error
	m.duration, errs[0] = m.meter.Float64Histogram("rpc.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from reading a call to having its answer, by method, code and protocol."),
		metric.WithExplicitBucketBoundaries(durationBounds[:]...))
	m.panics, errs[1] = m.meter.Int64Counter("panics",
		metric.WithDescription("Handlers that panicked. The caller got INTERNAL, the log has the stack."))
	m.sheds, errs[2] = m.meter.Int64Counter("shed",
		metric.WithDescription("Calls refused because too many were running."))
	m.refusals, errs[3] = m.meter.Int64Counter("refused",
		metric.WithDescription("Requests refused before any method ran, by reason and protocol."))
	return errors.Join(errs[:]...)
}

// know makes the attributes of a method's calls.
func (m *metrics) know(method string) {
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		for _, overREST := range []bool{false, true} {
			m.calls[callKey{method, code, overREST}] = metric.WithAttributeSet(attribute.NewSet(
				attribute.String("method", method[1:]), attribute.String("code", code.String()), protocol(overREST)))
		}
	}
}

func protocol(overREST bool) attribute.KeyValue {
	if overREST {
		return attribute.String("protocol", "rest")
	}
	return attribute.String("protocol", "grpc")
}

// call counts one call and how long it took.
func (m *metrics) call(ctx context.Context, method string, code codes.Code, took time.Duration) {
	if attributes, ok := m.calls[callKey{method, code, overREST(ctx)}]; ok {
		m.duration.Record(ctx, took.Seconds(), attributes)
	}
}

// refused counts a request that reached no method.
func (m *metrics) refused(ctx context.Context, r Reason, overREST bool) {
	m.refusals.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", string(r)), protocol(overREST)))
}

func (m *metrics) panicked(ctx context.Context) { m.panics.Add(ctx, 1) }

func (m *metrics) shed(ctx context.Context) {
	m.sheds.Add(ctx, 1, metric.WithAttributes(protocol(overREST(ctx))))
}

// handler serves everything at /metrics.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) shutdown(ctx context.Context) error { return m.provider.Shutdown(ctx) }
