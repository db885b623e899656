package inbound

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// ses is Amazon SES's event publishing and its feedback notifications, through Amazon SNS
// (https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html and
// https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html).
type ses struct {
	sns
	ids Names
}

// sesRecord has what is read of a record.
type sesRecord struct {
	EventType        string `json:"eventType"`        // event publishing
	NotificationType string `json:"notificationType"` // feedback notifications
	Mail             struct {
		Timestamp string         `json:"timestamp"`
		MessageID string         `json:"messageId"`
		Tags      map[string]any `json:"tags"`
		Headers   []sesHeader    `json:"headers"`
	} `json:"mail"`
	Open         *sesPart `json:"open"`
	Click        *sesPart `json:"click"`
	Bounce       *sesPart `json:"bounce"`
	Complaint    *sesPart `json:"complaint"`
	Delivery     *sesPart `json:"delivery"`
	Subscription *sesPart `json:"subscription"`
}

type sesHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// sesPart is the part of a record that is about its type.
type sesPart struct {
	Timestamp  string         `json:"timestamp"`
	UserAgent  string         `json:"userAgent"`
	IPAddress  string         `json:"ipAddress"`
	BounceType string         `json:"bounceType"`
	New        sesPreferences `json:"newTopicPreferences"`
	Old        sesPreferences `json:"oldTopicPreferences"`
}

type sesPreferences struct {
	UnsubscribeAll bool `json:"unsubscribeAll"`
	Topics         []struct {
		Name   string `json:"topicName"`
		Status string `json:"subscriptionStatus"`
	} `json:"topicSubscriptionStatus"`
}

func (s *ses) read(ctx context.Context, d *Delivery) ([]Item, error) {
	m, err := parseSNS(d.Body)
	if err != nil {
		return nil, err
	}
	if m.Type != snsNotification {
		return s.subscription(ctx, m)
	}
	if strings.HasPrefix(m.Message, "Successfully validated SNS topic") { // SES says so once, when it is set up
		return nil, nil
	}
	var r sesRecord
	if err := json.Unmarshal([]byte(m.Message), &r); err != nil {
		return []Item{{Event: Event{ID: m.MessageID}, Err: &RefusedError{"its Message is not a record of SES's: " + err.Error()}}}, nil
	}
	e := r.event(m.MessageID)
	s.ids.fill(&e, r.carried)
	return []Item{{Event: e}}, nil
}

func (r *sesRecord) event(id string) Event {
	kind, part := r.kind()
	e := Event{ID: id, Kind: kind}
	written := r.Mail.Timestamp // what has no time of its own happened when it was sent
	if part != nil && part.Timestamp != "" {
		written = part.Timestamp
	}
	if t, err := time.Parse(time.RFC3339Nano, written); err == nil {
		e.Time = t.UTC()
	}
	if part != nil && (kind == Open || kind == Click) { // of others it is a mail server's
		e.UserAgent, e.IP = part.UserAgent, part.IPAddress
	}
	return e
}

func (r *sesRecord) kind() (string, *sesPart) {
	name := r.EventType
	if name == "" {
		name = r.NotificationType
	}
	switch name {
	case "Open":
		return Open, r.Open
	case "Click":
		return Click, r.Click
	case "Delivery":
		return Delivered, r.Delivery
	case "Send":
		return Sent, nil
	case "Complaint":
		return Complaint, r.Complaint
	case "Bounce":
		if r.Bounce != nil && r.Bounce.BounceType == "Permanent" {
			return Bounce, r.Bounce
		}
		return SoftBounce, r.Bounce
	case "Subscription":
		return r.Subscription.change(), r.Subscription
	case "DeliveryDelay":
		return Deferred, nil
	case "Reject", "Rendering Failure":
		return Dropped, nil
	}
	return name, nil
}

// change tells leaving a list, or one of its topics, from other changes of what someone wants.
func (p *sesPart) change() string {
	if p == nil {
		return Resubscribe
	}
	was := make(map[string]string, len(p.Old.Topics))
	for _, t := range p.Old.Topics {
		was[t.Name] = t.Status
	}
	left := p.New.UnsubscribeAll
	for _, t := range p.New.Topics {
		left = left || t.Status == "OptOut" && was[t.Name] != "OptOut"
	}
	if left {
		return Unsubscribe
	}
	return Resubscribe
}

// carried returns what was sent along under a name: a message tag (event publishing has them), or the header of the same name,
// nb_event_id being X-Nb-Event-Id (where the notification includes the original headers).
func (r *sesRecord) carried(name string) string {
	if values, ok := r.Mail.Tags[name].([]any); ok && len(values) > 0 {
		return carried(values[0])
	}
	header := "X-" + strings.ReplaceAll(name, "_", "-")
	for _, h := range r.Mail.Headers {
		if strings.EqualFold(h.Name, header) {
			return strings.TrimSpace(h.Value)
		}
	}
	return ""
}
