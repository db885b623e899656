package server

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/nextbest/nextbest/inbound"
)

// webhookPath begins the paths of webhooks. They are not part of the API's description: each sender's requests are its own.
const webhookPath = "/v1/webhooks/"

// maxWebhookProblems is how many events' problems an answer names.
const maxWebhookProblems = 100

// webhooks answers POST /v1/webhooks/{source}: it verifies a delivery, reports its events through the API's own calls, and says
// what became of them. The status decides whether the sender delivers again: 5xx when that can help, 2xx when it cannot.
type webhooks struct {
	sources *inbound.Sources
	sink    inbound.Sink
	limit   time.Duration // for one delivery
	now     func() time.Time
	log     webhookLog
	events  metric.Int64Counter
}

// newWebhooks returns nil when there are no sources.
func newWebhooks(config Config, deps Deps, m *metrics, sink inbound.Sink) (*webhooks, error) {
	if deps.Webhooks == nil {
		return nil, nil
	}
	events, err := m.meter.Int64Counter("webhook.events",
		metric.WithDescription("Events that senders reported over webhooks, by source and outcome."))
	if err != nil {
		return nil, err
	}
	w := &webhooks{sources: deps.Webhooks, sink: sink, now: deps.Now, log: newWebhookLog(deps.Logger), events: events,
		limit: config.WriteTimeout / 2} // the other half is for the answer to reach the sender
	for _, name := range w.sources.Names() {
		if s, _ := w.sources.Get(name); s.Unverified {
			deps.Logger.Warn("anyone may deliver to this webhook: it is not verified", "source", name)
		}
		// A counter that is not there cannot be told from one that is 0.
		w.count(context.Background(), name, map[inbound.Outcome]int{})
	}
	return w, nil
}

// webhookResult is the answer to a delivery that was taken.
type webhookResult struct {
	Source   string                  `json:"source"`
	Received int                     `json:"received"`
	Outcomes map[inbound.Outcome]int `json:"outcomes"`
	// Errors are of events that can never be taken. There may be more of them than are named here.
	Errors []inbound.Problem `json:"errors,omitempty"`
}

// sourceOf returns which source a path is of.
func sourceOf(u *url.URL) (string, bool) {
	escaped, ok := strings.CutPrefix(u.EscapedPath(), webhookPath)
	if !ok || escaped == "" || strings.Contains(escaped, "/") {
		return "", false
	}
	name, err := url.PathUnescape(escaped)
	return name, err == nil
}

// find returns the source of a request that can be one of its deliveries.
func (h *webhooks) find(r *http.Request, name string) (*inbound.Source, *failure) {
	source, ok := h.sources.Get(name)
	switch {
	case !ok:
		return nil, &failure{reason: UnknownWebhook, detail: fmt.Sprintf("no webhook source is called %q", name)}
	case r.Method != http.MethodPost:
		return nil, &failure{reason: MethodNotAllowed, detail: fmt.Sprintf("%s has no method %s", r.URL.Path, r.Method)}
	case source.Unverified && !saysJSON(r):
		// A foreign web page cannot make a browser say so without asking first.
		return nil, &failure{reason: UnsupportedMediaType, detail: "Content-Type must be JSON's where deliveries are not verified"}
	}
	return source, nil
}

func saysJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

// receive takes a delivery, whose body was read.
func (h *webhooks) receive(ctx context.Context, source *inbound.Source, d *inbound.Delivery) (*webhookResult, *failure) {
	ctx, cancel := context.WithTimeout(ctx, h.limit)
	defer cancel()
	items, err := source.Receive(ctx, d, h.now())
	if err != nil {
		h.log.refused(source.Name, err)
		return nil, classify(err)
	}
	result := inbound.Deliver(ctx, items, h.sink)
	h.count(ctx, source.Name, result.Counts)
	h.log.delivery(source.Name, &result)
	if result.Err != nil {
		return nil, again(&result)
	}
	return &webhookResult{
		Source: source.Name, Received: result.Received, Outcomes: result.Counts,
		Errors: result.Problems[:min(len(result.Problems), maxWebhookProblems)],
	}, nil
}

// again asks for the whole delivery to come again: what was taken of it is the same reward then.
func again(r *inbound.Result) *failure {
	f := *classify(r.Err)
	f.detail = fmt.Sprintf("%d of %d events could not be taken now: deliver again", r.Counts[inbound.Failed], r.Received)
	return &f
}

func (h *webhooks) count(ctx context.Context, source string, counts map[inbound.Outcome]int) {
	for _, o := range inbound.Outcomes() {
		h.events.Add(ctx, int64(counts[o]), metric.WithAttributes(attribute.String("source", source), attribute.String("outcome", string(o))))
	}
}

// webhookReason returns the reason of a delivery that is refused whole, empty for other errors.
func webhookReason(err error) Reason {
	switch {
	case errors.Is(err, inbound.ErrUnverified):
		return WebhookUnverified
	case errors.Is(err, inbound.ErrUnavailable):
		return WebhookUnverifiable
	case errors.Is(err, inbound.ErrMalformed):
		return MalformedMessage
	}
	return ""
}
