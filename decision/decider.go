package decision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nextbest/nextbest/features"
)

// Decider is the shell around the kernel. Its fields are set before the first Rank and not changed after.
type Decider struct {
	Snapshots Snapshots
	Features  FeatureSource
	Contacts  ContactSource // of loops with a contact policy; nil: their contacts are not known
	Budgets   Budgets       // of loops with budgets; nil: nothing is spent
	Recorder  Recorder
	Kills     KillSwitch // nil: nothing is ever switched off
	Now       func() time.Time
	NewID     func(now time.Time) string // a new event id
	// FeatureBudget bounds the time for a user's features; it never takes more than FeatureShare of what is left of
	// the caller's deadline.
	FeatureBudget time.Duration

	events inFlight
	zones  zones
	paces  paces

	windows sendWindows
}

// FeatureShare is the part of the caller's remaining time that reading the user's features may take: a late store
// must leave time to decide and to log.
const FeatureShare = 0.4

// unhurriedBudget bounds the time for a user's features where nobody waits for the one answer.
const unhurriedBudget = 2 * time.Second

type unhurried struct{}

// Unhurried returns a context for decisions that nobody waits for one by one: they take their time to read users' features, rather
// than to go without.
func Unhurried(ctx context.Context) context.Context { return context.WithValue(ctx, unhurried{}, true) }

// Rank decides req and returns its record once that is durable. The same event id again returns the same record.
// Where the log cannot take it, the loop says what is returned: a baseline record without an event id and with
// FallbackLogUnavailable, or ErrUnavailable.
func (d *Decider) Rank(ctx context.Context, req *Request) (*Record, error) {
	snapshot, ok := d.Snapshots.Current(req.Loop)
	if !ok {
		return nil, fmt.Errorf("%q: %w", req.Loop, ErrUnknownLoop)
	}
	fingerprint := Fingerprint(req)
	if req.EventID == "" {
		now := d.Now()
		return d.decide(ctx, snapshot, req, d.NewID(now), now, fingerprint)
	}
	leave, err := d.events.enter(ctx, eventKey{req.Loop, req.EventID})
	if err != nil {
		return nil, fmt.Errorf("wait for the same event: %w", err)
	}
	defer func() { leave() }()
	r, err := d.once(ctx, snapshot, req, fingerprint)
	if open := (interface{ Settled() <-chan struct{} })(nil); errors.As(err, &open) {
		// The record is on its way: who asks again must wait for it, else the event would be decided twice.
		done := leave
		leave = func() {}
		go func() {
			<-open.Settled()
			done()
		}()
	}
	return r, err
}

// once returns the record of the event that req names, decided now unless it was before. No other call decides it
// meanwhile.
func (d *Decider) once(ctx context.Context, snapshot *Snapshot, req *Request, fingerprint uint64) (*Record, error) {
	earlier, err := d.Recorder.Find(ctx, req.Loop, req.EventID, snapshot.Loop.RankSync)
	if err != nil {
		return nil, fmt.Errorf("look for event %q: %w", req.EventID, err)
	}
	if earlier == nil {
		return d.decide(ctx, snapshot, req, req.EventID, d.Now(), fingerprint)
	}
	if earlier.Fingerprint != fingerprint {
		return nil, fmt.Errorf("event %q: %w", req.EventID, ErrEventConflict)
	}
	return earlier, nil
}

func (d *Decider) decide(ctx context.Context, s *Snapshot, req *Request, id string, now time.Time, fingerprint uint64) (*Record, error) {
	if err := check(s.Loop, req); err != nil {
		return nil, err
	}
	r := &Record{
		Loop: s.Loop.Name, SnapshotID: s.ID, Fingerprint: fingerprint,
		Deferred: req.Deferred, Slotted: len(req.Slots) > 0,
		Input: input(s.Loop, req, id, now),
	}
	if d.Kills != nil {
		r.Killed = d.Kills.Killed(nil, s.Loop.Name, r.Actions)
	}
	claim := d.readUser(ctx, s.Loop, &r.Input, now)
	places, err := d.choices(ctx, s.Loop, req, &r.Input)
	if err == nil {
		r.Outcome, err = Decide(s, &r.Input)
	}
	if err != nil {
		places.settle(nil)
		claim.settle(nil)
		return nil, err
	}
	if err := d.record(ctx, r, s.Loop.RankSync); err != nil {
		made := r
		if errors.Is(err, ErrNotRecorded) {
			made = nil
		}
		if r, err = d.unlogged(ctx, s, r, err); err == nil {
			made = r
			claim.settle(r)
		} // Else it may be in the log yet: what is held counts.
		places.settle(made)
		return r, err
	}
	places.settle(r)
	claim.settle(r)
	return r, nil
}

// check holds the request against the loop's schema.
func check(l *Loop, req *Request) error {
	switch {
	case l.Send == nil && req.Send != nil:
		return &InputError{"loop", "does not choose send times: its file has actions of its own. Call Rank"}
	case l.Send != nil && req.Send == nil:
		return &InputError{"loop", "chooses send times: call SendTime"}
	}
	if err := l.Schema.CheckContext(req.Context); err != nil {
		return schemaError("context", err)
	}
	for i := range req.Actions {
		if err := l.Schema.CheckAction(req.Actions[i].Features); err != nil {
			return schemaError(fmt.Sprintf("actions[%d].features", i), err)
		}
	}
	return nil
}

func schemaError(place string, err error) error {
	var f *features.CheckError
	if errors.As(err, &f) {
		return &InputError{place + "." + f.Name, f.Problem}
	}
	return &InputError{place, err.Error()}
}

func input(l *Loop, req *Request, id string, now time.Time) Input {
	in := Input{
		Time: now, EventID: id, UserID: req.UserID, Context: req.Context, Actions: req.Actions, Excluded: req.Excluded, Slots: req.Slots,
	}
	if len(in.Actions) == 0 && l.Send == nil {
		in.Actions, in.FromCatalogue = l.Actions, true
	}
	if len(in.Slots) == 0 {
		in.Slots = oneSlot
	}
	return in
}

// oneSlot is what a request without slots asks for.
var oneSlot = []SlotSpec{{}}

// readUser completes in with the user's features, or with why they could not be had; and with the user's contacts and what
// budgets have spent, where the loop has a contact policy. What is held for the event meanwhile is in the claim.
func (d *Decider) readUser(ctx context.Context, l *Loop, in *Input, now time.Time) claim {
	if l.Contact != nil {
		return d.readContacts(ctx, l, in, now)
	}
	if in.UserID == "" || len(l.UserNames) == 0 {
		return claim{}
	}
	raw, err := d.fetch(ctx, in.UserID, l.UserNames)
	in.known(l, raw, err, now)
	return claim{}
}

// fetch reads a user's features within their share of the time. Where nobody waits for the one answer, it asks again while the store is late by
// a limit of its own.
func (d *Decider) fetch(ctx context.Context, user string, names []string) ([]features.Raw, error) {
	budget := d.featureBudget(ctx)
	if ctx.Value(unhurried{}) == nil {
		limited, cancel := context.WithTimeout(ctx, budget)
		defer cancel()
		return d.Features.Fetch(limited, user, names)
	}
	began := time.Now()
	for {
		raw, err := d.Features.Fetch(ctx, user, names)
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil || time.Since(began) > budget {
			return raw, err
		}
	}
}

// known completes in with the user's features as they were read.
func (in *Input) known(l *Loop, raw []features.Raw, err error, now time.Time) {
	switch {
	case err == nil:
		user, missing := l.Schema.ParseUser(raw, now)
		in.User, in.Defaulted = user, missing
		if n := len(l.UserNames); l.Send != nil && n == len(raw) {
			in.knownEvidence(raw[n-1]) // The last name is EvidenceField.
		}
	case errors.Is(err, context.DeadlineExceeded):
		in.Degraded = FallbackFeaturesTimeout
	default:
		in.Degraded = FallbackFeaturesUnavailable
	}
}

func (d *Decider) featureBudget(ctx context.Context) time.Duration {
	budget := d.FeatureBudget
	if ctx.Value(unhurried{}) != nil {
		budget = max(budget, unhurriedBudget)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return budget
	}
	return min(budget, time.Duration(FeatureShare*float64(time.Until(deadline))))
}

// record leaves a little of the caller's time, so that a log that has no room is answered for within it.
func (d *Decider) record(ctx context.Context, r *Record, sync Durability) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(recordShare*float64(time.Until(deadline))))
		defer cancel()
	}
	return d.Recorder.Record(ctx, r, sync)
}

// recordShare is the part of the caller's remaining time that recording may take.
const recordShare = 0.9

// unlogged answers for a decision that is not in the log.
func (d *Decider) unlogged(ctx context.Context, s *Snapshot, r *Record, cause error) (*Record, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("record decision: %w", cause)
	}
	// A record that may yet turn up in the log must not be contradicted by another answer.
	if s.Loop.Log == Unavailable || !errors.Is(cause, ErrNotRecorded) {
		return nil, fmt.Errorf("record decision: %w: %w", ErrUnavailable, cause)
	}
	baseline := *s.Loop
	baseline.Mode = LoggingOnly
	out, err := Decide(&Snapshot{ID: s.ID, Number: s.Number, Loop: &baseline, Model: s.Model}, &r.Input)
	if err != nil {
		return nil, err
	}
	out.Mode, out.Fallback = s.Loop.Mode, FallbackLogUnavailable
	r.Outcome, r.EventID = out, ""
	return r, nil
}
