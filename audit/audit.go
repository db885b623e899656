// Package audit says who changed what, when and why: one Entry per administrative record of the event log.
//
//	loop.put, loop.remove                 a loop file came into force, or went
//	promotion.promote, promotion.take_back
//	challenger.begin, challenger.end      a challenger is evaluated, or no more
//	model.publish                         a snapshot was validated, and is served
//	kill.set, kill.lift, suppression.set, catalogue.*, review.*   what Journal.Append was asked to record
//
// Entries are chained by hash (package eventlog): nothing can be changed, dropped, added or moved without being found. A state
// that is changed by entries is a fold over them, and is made again from the log at every start.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Entry is one administrative change or judgement.
type Entry struct {
	Position eventlog.Position `json:"position"`
	Number   uint64            `json:"number"` // in the chain; 0 for records from before there was one
	Time     time.Time         `json:"time"`
	Kind     string            `json:"kind"`
	Actor    string            `json:"actor"`
	Loop     string            `json:"loop,omitempty"`
	Subject  string            `json:"subject,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Before   json.RawMessage   `json:"before,omitempty"`
	After    json.RawMessage   `json:"after,omitempty"`
	Link     string            `json:"link,omitempty"` // of the chain, in hexadecimal
}

// ErrActor is a change that nobody wants to have made.
var ErrActor = errors.New("say who makes the change (actor)")

// maxDocument bounds what an entry says of before and after.
const maxDocument = 1 << 20

// Log is where entries are kept.
type Log interface {
	Append(ctx context.Context, r *logv1.Record, d decision.Durability) (eventlog.Position, error)
}

var _ Log = (*eventlog.Events)(nil)

// Journal records changes. It is safe for concurrent use.
type Journal struct {
	Log Log
	Now func() time.Time
}

// Append records a change and returns it once it is on the disk. Position, Number, Time and Link are the journal's to give.
func (j *Journal) Append(ctx context.Context, e Entry) (Entry, error) {
	if strings.TrimSpace(e.Actor) == "" {
		return e, ErrActor
	}
	if len(e.Before)+len(e.After) > maxDocument {
		return e, fmt.Errorf("record %s: before and after have %d bytes; at most %d are kept", e.Kind, len(e.Before)+len(e.After), maxDocument)
	}
	r := &logv1.Record{TimeUnixNanos: j.Now().UnixNano(), Body: &logv1.Record_Admin{Admin: &logv1.Admin{
		Kind: e.Kind, Actor: e.Actor, Loop: e.Loop, Subject: e.Subject, Reason: e.Reason, Before: e.Before, After: e.After,
	}}}
	pos, err := j.Log.Append(ctx, r, decision.Fsync)
	if err != nil {
		return e, fmt.Errorf("record %s: %w", e.Kind, err)
	}
	made, _ := EntryOf(pos, r)
	return made, nil
}

// EntryOf returns the entry that a record is, and false when it is none.
func EntryOf(pos eventlog.Position, r *logv1.Record) (Entry, bool) {
	e := Entry{Position: pos, Number: r.GetChainNumber(), Time: time.Unix(0, r.GetTimeUnixNanos()).UTC(), Link: hex.EncodeToString(r.GetChainLink())}
	switch b := r.GetBody().(type) {
	case *logv1.Record_Admin:
		a := b.Admin
		e.Kind, e.Actor, e.Loop, e.Subject, e.Reason, e.Before, e.After = a.Kind, a.Actor, a.Loop, a.Subject, a.Reason, a.Before, a.After
	case *logv1.Record_LoopChange:
		e.ofLoop(b.LoopChange)
	case *logv1.Record_Challenge:
		c := b.Challenge
		e.Kind, e.Actor, e.Loop, e.Subject = "challenger.begin", "loop files", c.Loop, c.Challenger
		if c.Removed {
			e.Kind = "challenger.end"
		} else {
			e.After = fileDocument(c.Path, c.File)
		}
	case *logv1.Record_Publish:
		p := b.Publish
		e.Kind, e.Actor, e.Loop, e.Subject = "model.publish", "learner", p.Loop, p.SnapshotId
		e.After = document(map[string]any{"snapshot": p.SnapshotId, "events": p.Events, "model_sha256": hex.EncodeToString(p.ModelSha256)})
	default:
		return Entry{}, false
	}
	return e, true
}

func (e *Entry) ofLoop(c *logv1.LoopChange) {
	e.Kind, e.Actor, e.Loop, e.Subject = "loop.put", "loop files", c.Loop, c.Path
	if e.After = fileDocument(c.Path, c.File); c.Removed {
		e.Kind, e.After = "loop.remove", nil
	}
	p := c.Promotion
	if p == nil {
		return
	}
	e.Kind, e.Actor, e.Subject, e.Reason = "promotion.promote", p.Actor, p.Challenger, p.Reason
	if p.TakenBack {
		e.Kind = "promotion.take_back"
	}
	e.Before = document(map[string]any{"sha256": p.DisplacedSha256})
}

// fileDocument tells a file by its digest: the log has its bytes.
func fileDocument(path string, file []byte) json.RawMessage {
	sum := sha256.Sum256(file)
	return document(map[string]any{"path": path, "sha256": hex.EncodeToString(sum[:]), "bytes": len(file)})
}

func document(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // Texts and numbers have JSON.
	}
	return b
}

// errEnough ends a walk that is at its end.
var errEnough = errors.New("enough")

// Each calls f with every entry of a log, in order, until it returns false.
func Each(ctx context.Context, l *eventlog.Log, f func(Entry) bool) error {
	err := l.Each(ctx, func(pos eventlog.Position, b []byte) error {
		if eventlog.OfEvent(b) {
			return nil
		}
		r, err := eventlog.Unmarshal(b)
		if err != nil {
			return fmt.Errorf("position %d: %w", pos, err)
		}
		if e, ok := EntryOf(pos, r); ok && !f(e) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Filter says which entries are wanted. The zero Filter wants all.
type Filter struct {
	Loop  string
	Kind  string // the whole, or its part before the point: kill is kill.set and kill.lift
	Actor string
	Since time.Time // at or after
	Until time.Time // before
}

// Wants reports whether an entry is wanted.
func (f *Filter) Wants(e *Entry) bool {
	family, _, _ := strings.Cut(e.Kind, ".")
	switch {
	case f.Loop != "" && e.Loop != f.Loop,
		f.Kind != "" && f.Kind != e.Kind && f.Kind != family,
		f.Actor != "" && e.Actor != f.Actor,
		!f.Since.IsZero() && e.Time.Before(f.Since),
		!f.Until.IsZero() && !e.Time.Before(f.Until):
		return false
	}
	return true
}
