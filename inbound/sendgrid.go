package inbound

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Headers of SendGrid's signed Event Webhook.
const (
	sendgridSignature = "X-Twilio-Email-Event-Webhook-Signature"
	sendgridTimestamp = "X-Twilio-Email-Event-Webhook-Timestamp"
)

// sendgridAge is how old a signature may be. SendGrid delivers again for up to 24 hours, and does not say whether it signs
// anew then. As a replay is the same reward as the first, to refuse one gains nothing, and to refuse a retry loses rewards.
const sendgridAge = 25 * time.Hour

// sendgrid is the Event Webhook of Twilio SendGrid
// (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event).
type sendgrid struct {
	key *ecdsa.PublicKey // nil: unverified
	age time.Duration
	ids Names
}

// verify checks the ECDSA signature over timestamp and body
// (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features).
func (s *sendgrid) verify(_ context.Context, d *Delivery, now time.Time) error {
	if s.key == nil {
		return nil
	}
	written := d.Header.Get(sendgridTimestamp)
	signature, err := base64.StdEncoding.DecodeString(d.Header.Get(sendgridSignature))
	if err != nil || len(signature) == 0 || written == "" {
		return unverified("the headers %s and %s are missing or not base64: switch on signature verification at SendGrid", sendgridSignature, sendgridTimestamp)
	}
	digest := sha256.New()
	digest.Write([]byte(written))
	digest.Write(d.Body)
	if !ecdsa.VerifyASN1(s.key, digest.Sum(nil), signature) {
		return unverified("the signature is of another key, timestamp or body")
	}
	return checkAge(written, now, s.age)
}

// parseSendgridKey reads the verification key as SendGrid shows it, base64 of PKIX DER, or as PEM.
func parseSendgridKey(text string) (*ecdsa.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der, err = block.Bytes, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the public key is neither base64 nor PEM: %w", err)
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("the public key cannot be read: %w", err)
	}
	if k, ok := key.(*ecdsa.PublicKey); ok && k.Curve == elliptic.P256() {
		return k, nil
	}
	return nil, errors.New("the public key is not one of the curve P-256, as SendGrid's are")
}

// sendgridEvent has what is read of an event.
type sendgridEvent struct {
	Email, Event, EventID, MessageID, UserAgent, IP, URL string

	Type      string // of bounces: bounce or blocked
	Timestamp int64
	Machine   bool
}

// sendgridEventOf reads the fields by their exact names: custom arguments stand beside them, and may be called alike but for
// case, which the standard library's own matching does not tell apart.
func sendgridEventOf(all map[string]any) (e sendgridEvent, err error) {
	for name, into := range map[string]*string{
		"email": &e.Email, "event": &e.Event, "sg_event_id": &e.EventID, "sg_message_id": &e.MessageID, "useragent": &e.UserAgent,
		"ip": &e.IP, "url": &e.URL, "type": &e.Type,
	} {
		*into, _ = all[name].(string)
	}
	e.Machine, _ = all["sg_machine_open"].(bool)
	e.Timestamp, _ = all["timestamp"].(int64)
	if e.Event == "" {
		return e, &RefusedError{"it has no event, as SendGrid's events do"}
	}
	if e.Timestamp <= 0 {
		return e, &RefusedError{"its timestamp is no number of seconds since 1970"}
	}
	return e, nil
}

func (s *sendgrid) read(_ context.Context, d *Delivery) ([]Item, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(d.Body, &raw); err != nil {
		return nil, malformed("expected a JSON array of events: %v", err)
	}
	items := make([]Item, len(raw))
	for i, r := range raw {
		items[i] = s.item(r)
	}
	return items, nil
}

func (s *sendgrid) item(raw json.RawMessage) Item {
	v, err := parseJSON(raw)
	all, ok := v.(map[string]any)
	if err != nil || !ok {
		return Item{Err: &RefusedError{"it is not an event of SendGrid's, which are JSON objects"}}
	}
	e, err := sendgridEventOf(all)
	if err != nil {
		return Item{Event: Event{ID: e.EventID}, Err: err}
	}
	it := Item{Event: Event{ID: e.identity(), Kind: e.kind(), Machine: e.Machine, Time: time.Unix(e.Timestamp, 0).UTC()}}
	if it.Event.Kind == Open || it.Event.Kind == Click { // of others it is a mail server's
		it.Event.IP, it.Event.UserAgent = e.IP, e.UserAgent
	}
	s.ids.fill(&it.Event, func(name string) string { return customArgument(all, name) })
	return it
}

// customArgument returns a custom argument: the sender flattens them into the event, and documents a nested form too.
func customArgument(all map[string]any, name string) string {
	if text := carried(all[name]); text != "" {
		return text
	}
	for _, nest := range []string{"custom_args", "unique_args"} {
		if nested, ok := all[nest].(map[string]any); ok {
			if text := carried(nested[name]); text != "" {
				return text
			}
		}
	}
	return ""
}

// identity does not rely on sg_event_id where it can do without: on redeliveries it has been seen to change
// (https://github.com/sendgrid/sendgrid-nodejs/issues/1435). Two clicks of one recipient on one link in the same second are one.
func (e *sendgridEvent) identity() string {
	if e.MessageID == "" {
		return e.EventID
	}
	return identity(e.MessageID, e.Email, e.Event, strconv.FormatInt(e.Timestamp, 10), e.URL)
}

func (e *sendgridEvent) kind() string {
	switch e.Event {
	case "processed":
		return Sent
	case "bounce":
		if e.Type == "blocked" {
			return SoftBounce
		}
		return Bounce
	case "spamreport":
		return Complaint
	case "unsubscribe", "group_unsubscribe":
		return Unsubscribe
	case "group_resubscribe":
		return Resubscribe
	}
	return e.Event // open, click, delivered, deferred, dropped are called so here as well
}
