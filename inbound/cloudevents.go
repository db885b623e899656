package inbound

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"

	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

// cloudEvents is CloudEvents 1.0 over HTTP, in structured, binary and batched mode
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md). Whatever the mode, fields
// are read out of the event in its JSON form.
type cloudEvents struct {
	secrets
	fields fields
}

// cloudEventFields are where fields of a CloudEvent are unless a mapping says otherwise. Our ids are extension attributes,
// whose names have lower-case letters and digits alone.
func cloudEventFields() mapConfig {
	return mapConfig{
		Kind: "/type", Time: "/time", Loop: "/nbloop", EventID: "/nbeventid", SlotID: "/nbslotid", UserID: "/nbuserid",
		ActionID: "/nbactionid", Channel: "/nbchannel",
	}
}

func (c *cloudEvents) read(ctx context.Context, d *Delivery) ([]Item, error) {
	kind, _, _ := mime.ParseMediaType(d.Header.Get("Content-Type"))
	if kind == event.ApplicationCloudEventsBatchJSON {
		return c.batch(d.Body)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(d.Body))
	if err != nil {
		return nil, fmt.Errorf("read a delivery: %w", err)
	}
	request.Header = d.Header
	e, err := cehttp.NewEventFromHTTPRequest(request)
	if err != nil {
		return nil, malformed("it is no CloudEvent: %v", err)
	}
	return []Item{c.item(e)}, nil
}

// batch reads each event by itself: the library's own way gives up all for one.
func (c *cloudEvents) batch(body []byte) ([]Item, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, malformed("expected a JSON array of CloudEvents: %v", err)
	}
	items := make([]Item, len(raw))
	for i, r := range raw {
		var e event.Event
		if err := json.Unmarshal(r, &e); err != nil {
			items[i].Err = &RefusedError{"it is no CloudEvent: " + err.Error()}
			continue
		}
		items[i] = c.item(&e)
	}
	return items, nil
}

func (c *cloudEvents) item(e *event.Event) Item {
	id := cloudEventID(e)
	if err := e.Validate(); err != nil {
		return Item{Event: Event{ID: id}, Err: &RefusedError{"it is not a CloudEvent: " + err.Error()}}
	}
	text, err := json.Marshal(e)
	if err != nil {
		return Item{Event: Event{ID: id}, Err: &RefusedError{"it has no JSON form: " + err.Error()}}
	}
	v, err := parseJSON(text)
	if err != nil {
		return Item{Event: Event{ID: id}, Err: &RefusedError{"its JSON form cannot be read: " + err.Error()}}
	}
	it := c.fields.item(v, v)
	if c.fields.id == nil {
		it.Event.ID = id
	}
	return it
}

// cloudEventID is what the specification makes unique: source and id together.
func cloudEventID(e *event.Event) string {
	if e.Context == nil {
		return ""
	}
	return identity(e.Source(), e.ID())
}
