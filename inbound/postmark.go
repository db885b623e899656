package inbound

import (
	"context"
	"encoding/json"
	"strconv"
	"time"
)

// postmark is the webhooks of Postmark (https://postmarkapp.com/developer/webhooks/webhooks-overview). Postmark signs nothing:
// a shared secret stands for it.
type postmark struct {
	secrets
	ids Names
}

// postmarkEvent has what is read of an event, of all record types.
type postmarkEvent struct {
	RecordType string
	ID         int64
	MessageID  string
	Recipient  string
	Email      string // of bounces and complaints, in place of Recipient
	Type       string // of bounces

	ReceivedAt, BouncedAt, DeliveredAt, ChangedAt string

	OriginalLink string
	UserAgent    string
	Geo          struct{ IP string }

	SuppressSending   bool
	SuppressionReason string
	Origin            string

	Metadata map[string]any
}

func (p *postmark) read(_ context.Context, d *Delivery) ([]Item, error) {
	var e postmarkEvent
	if err := json.Unmarshal(d.Body, &e); err != nil {
		return nil, malformed("expected one event of Postmark's: %v", err)
	}
	if e.RecordType == "" {
		return nil, malformed("there is no RecordType: is this a webhook of Postmark's?")
	}
	at := e.at()
	it := Item{Event: Event{
		ID: e.identity(at), Kind: e.kind(), UserAgent: e.UserAgent, IP: e.Geo.IP,
	}}
	if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
		it.Event.Time = t.UTC()
	}
	p.ids.fill(&it.Event, func(name string) string { return carried(e.Metadata[name]) })
	return []Item{it}, nil
}

// at is the event's time, as written: each record type calls it otherwise.
func (e *postmarkEvent) at() string {
	for _, written := range []string{e.ReceivedAt, e.BouncedAt, e.DeliveredAt, e.ChangedAt} {
		if written != "" {
			return written
		}
	}
	return ""
}

// identity is Postmark's number where the record type has one.
func (e *postmarkEvent) identity(at string) string {
	if e.ID != 0 {
		return e.RecordType + "/" + strconv.FormatInt(e.ID, 10)
	}
	if e.MessageID == "" && at == "" {
		return ""
	}
	return identity(e.RecordType, e.MessageID, e.Recipient+e.Email, at, e.OriginalLink)
}

func (e *postmarkEvent) kind() string {
	switch e.RecordType {
	case "Open":
		return Open
	case "Click":
		return Click
	case "Delivery":
		return Delivered
	case "SpamComplaint":
		return Complaint
	case "Bounce":
		if e.Type == "HardBounce" {
			return Bounce
		}
		return SoftBounce
	case "SubscriptionChange":
		return e.change()
	}
	return e.RecordType
}

// change tells a recipient's unsubscribing from other ways onto the list: a bounce and a complaint have events of their own,
// and would count twice.
func (e *postmarkEvent) change() string {
	switch {
	case !e.SuppressSending:
		return Resubscribe
	case e.SuppressionReason == "ManualSuppression" && e.Origin == "Recipient":
		return Unsubscribe
	}
	return Suppression
}
