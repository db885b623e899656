// Package inbound takes what e-mail and other senders report over their webhooks: it checks that a delivery is theirs, reads
// its events, and maps them to what a loop learns from.
//
//	bytes ─► verify (signature, shared secret, age) ─► read (SendGrid, SES, Postmark, CloudEvents, a mapping) ─► Event
//	                                                                                                             │ rules: kind → metric, value
//	                                                                                        Sink.Report ◄────────┘
//
// What is promised: nothing is read before it is verified; the same provider event has the same Event.ID however often it is
// delivered, so that a redelivery is the same reward; one bad event does not keep back the others of its delivery; nothing
// that a sender writes ends the process. It stores nothing, and has no network but Fetcher.
package inbound

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// What senders' events are called here, whatever the sender calls them. Others have the sender's own word.
const (
	Open        = "open"
	Click       = "click"
	Unsubscribe = "unsubscribe"
	Resubscribe = "resubscribe"
	Bounce      = "bounce"      // for good: there is no such mailbox
	SoftBounce  = "soft_bounce" // for now, or because the receiver did not want it
	Complaint   = "complaint"   // said to be spam
	Suppression = "suppression" // put on the sender's list by other means: what led there has its own event
	Sent        = "sent"
	Delivered   = "delivered"
	Deferred    = "deferred"
	Dropped     = "dropped" // never sent
)

// kinds are those that the e-mail senders' events are mapped to.
func kinds() []string {
	return []string{Open, Click, Unsubscribe, Resubscribe, Bounce, SoftBounce, Complaint, Suppression, Sent, Delivered, Deferred, Dropped}
}

// Event is one thing that a sender reports. What the sender does not say is empty.
type Event struct {
	Source  string // the entry of the webhook file
	ID      string // names the event among all of this source's: the same on every delivery
	Kind    string
	Loop    string
	EventID string // of the decision; empty where the sender does not carry it
	SlotID  string
	UserID  string
	// ActionID and Channel say what reached the user, for attribution where there is no EventID.
	ActionID, Channel string

	Activate bool   // it activates its event, rather than rewarding it
	Metric   string // of the reward; empty is the loop's own
	Value    float64

	Time      time.Time // when it happened, by the sender's clock; zero: not said
	UserAgent string    // what opened or clicked
	IP        string    // from where; a valid address, or empty
	Machine   bool      // the sender says that a machine did it, as Apple's mail privacy protection
}

// RewardID names the reward that the event is. It is the same for the same event of the same source, at most 97 bytes long,
// and says which source it came from.
func (e *Event) RewardID() string {
	sum := sha256.Sum256([]byte(e.ID))
	return e.Source + ":" + hex.EncodeToString(sum[:16])
}

// Outcome is what became of an event.
type Outcome string

// The outcomes.
const (
	Accepted     Outcome = "accepted"
	Early        Outcome = "early"        // kept until its decision is known
	Attributed   Outcome = "attributed"   // a tracker found the decision
	Duplicate    Outcome = "duplicate"    // a tracker had it before
	Unattributed Outcome = "unattributed" // no decision could be found for it
	Ignored      Outcome = "ignored"      // its kind is mapped to nothing
	Refused      Outcome = "refused"      // it can never be taken; delivering it again would change nothing
	Failed       Outcome = "failed"       // it could not be taken now
)

// Outcomes returns all outcomes, in the order in which documents list them.
func Outcomes() []Outcome {
	return []Outcome{Accepted, Early, Attributed, Duplicate, Unattributed, Ignored, Refused, Failed}
}

// Sink takes events. Report returns once the event is durable, may be called by several goroutines at once, and must take the
// same RewardID again without a second effect. A *RefusedError says that the event can never be taken; with any other error
// delivering it again may help.
type Sink interface {
	Report(ctx context.Context, e Event) (Outcome, error)
}

// RefusedError says why an event can never be taken.
type RefusedError struct {
	Reason string // for the sender's operator: it names no one
}

// Error implements error.
func (e *RefusedError) Error() string { return e.Reason }

// Failures of a whole delivery.
var (
	// ErrUnverified says that a delivery is not the sender's, or too old to be a first one.
	ErrUnverified = errors.New("the delivery is not verified")
	// ErrMalformed says that a verified delivery cannot be read.
	ErrMalformed = errors.New("the delivery cannot be read")
	// ErrUnavailable says that a delivery cannot be verified now: the sender should try again.
	ErrUnavailable = errors.New("the delivery cannot be verified now")
)

func unverified(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrUnverified, fmt.Sprintf(format, a...))
}

func malformed(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, a...))
}

// identity names an event by what is always the same about it, where the sender gives it no name that can be relied on.
func identity(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// maxAgent bounds what is kept of a user agent: the ones in use have some 300 bytes.
const maxAgent = 1024

// clean leaves of what describes the machine at the other end what others can work with: a bounded agent, a valid address.
func (e *Event) clean() {
	if len(e.UserAgent) > maxAgent {
		e.UserAgent = e.UserAgent[:maxAgent]
	}
	if !utf8.ValidString(e.UserAgent) {
		e.UserAgent = strings.ToValidUTF8(e.UserAgent, "")
	}
	if _, err := netip.ParseAddr(e.IP); err != nil {
		e.IP = ""
	}
}
