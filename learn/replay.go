package learn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Difference is one thing that came out otherwise than it was logged.
type Difference struct {
	Position eventlog.Position `json:"position"`
	Loop     string            `json:"loop"`
	EventID  string            `json:"event"` // "" for a model
	What     string            `json:"what"`
}

// ReplayReport says what a replay found.
type ReplayReport struct {
	Records     uint64            `json:"records"`     // read
	Decisions   uint64            `json:"decisions"`   // made again
	Models      uint64            `json:"models"`      // made again
	Skipped     map[string]uint64 `json:"skipped"`     // records that the learner skips too, by reason
	Different   uint64            `json:"different"`   // how many things came out otherwise
	Differences []Difference      `json:"differences"` // the first MaxDifferences of them
	Events      map[string]uint64 `json:"events"`      // that the final model of each loop has learned from
}

// MaxDifferences bounds the differences that a report tells in full.
const MaxDifferences = 1000

// replayWindow is how many published snapshots of a loop are kept for decisions that were under way when a newer one
// was published: at the shortest publishing interval in use, several seconds' worth.
const replayWindow = 64

// ReplayOptions tune a replay. The zero value will do.
type ReplayOptions struct {
	Progress func(at eventlog.Position, records uint64) // called every 10,000 records and at the end
}

// Replay folds the log from its beginning to its present end, makes every published model and every decision again,
// and reports what differs from what was logged, to the bit. A log whose beginning retention has taken cannot be
// replayed: that is an error.
func Replay(ctx context.Context, log Source, compile Compile, o ReplayOptions) (*ReplayReport, error) {
	r := replay{
		fold:   newFold(compile, readHistory(ctx, log)),
		report: &ReplayReport{Skipped: map[string]uint64{}, Events: map[string]uint64{}},
		loops:  map[string]*replayed{},
	}
	c := log.Tail(1)
	defer c.Close()
	for ctx.Err() == nil {
		pos, payload, err := c.TryNext()
		if errors.Is(err, io.EOF) {
			r.finish(o.Progress)
			return r.report, nil
		}
		if err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		if r.report.Records == 0 && pos != 1 {
			return nil, fmt.Errorf("replay: the log begins at %d: what its models were learned from is gone", pos)
		}
		if err := r.apply(pos, payload); err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		if o.Progress != nil && r.report.Records%10_000 == 0 {
			o.Progress(pos, r.report.Records)
		}
	}
	return nil, fmt.Errorf("replay: %w", ctx.Err())
}

type replay struct {
	fold   *fold
	report *ReplayReport
	loops  map[string]*replayed
}

// replayed is one loop's snapshots.
type replayed struct {
	cut       eventlog.Position // of candidate
	candidate candidate
	refusal   error
	published []*decision.Snapshot // the last replayWindow
}

func (r *replay) apply(pos eventlog.Position, payload []byte) error {
	fx, err := r.fold.apply(pos, payload)
	if err != nil {
		return err
	}
	r.report.Records++
	if fx.poison != "" {
		r.report.Skipped[fx.poison]++
	}
	if fx.loop == nil {
		return nil
	}
	name := fx.loop.definition.Loop.Name
	l := r.loops[name]
	if l == nil {
		l = new(replayed)
		r.loops[name] = l
	}
	switch body := fx.record.Body.(type) {
	case *logv1.Record_Cut:
		l.cut = pos
		l.candidate, l.refusal = fx.loop.materialise()
	case *logv1.Record_Publish:
		r.publish(pos, l, body.Publish)
	case *logv1.Record_Decision:
		if fx.poison != PoisonDecision {
			r.decide(pos, l, fx.record)
		}
	}
	return nil
}

// publish compares the model of the last cut with the one that was published.
func (r *replay) publish(pos eventlog.Position, l *replayed, p *logv1.Publish) {
	r.report.Models++
	if l.refusal != nil || eventlog.Position(p.GetCutPosition()) != l.cut || l.candidate.snapshot == nil {
		what := fmt.Sprintf("snapshot %s is of a cut at %d that is not the last one (%d)", p.GetSnapshotId(), p.GetCutPosition(), l.cut)
		if l.refusal != nil {
			what = fmt.Sprintf("snapshot %s was published and is refused now: %v", p.GetSnapshotId(), l.refusal)
		}
		r.differ(pos, p.GetLoop(), "", what)
		return
	}
	s := l.candidate.snapshot
	switch {
	case !bytes.Equal(p.GetModelSha256(), l.candidate.sha256[:]):
		r.differ(pos, p.GetLoop(), "", fmt.Sprintf("the model of snapshot %s has hash %x, logged %x", p.GetSnapshotId(), l.candidate.sha256, p.GetModelSha256()))
	case s.ID != p.GetSnapshotId() || s.Number != p.GetNumber() || s.Model.Events() != p.GetEvents():
		r.differ(pos, p.GetLoop(), "", fmt.Sprintf("snapshot %s of %d events, logged %s of %d", s.ID, s.Model.Events(), p.GetSnapshotId(), p.GetEvents()))
	}
	s.ID = p.GetSnapshotId() // Decisions name it so.
	l.published = append(l.published, s)
	if len(l.published) > replayWindow {
		l.published = l.published[1:]
	}
}

// decide makes a decision again.
func (r *replay) decide(pos eventlog.Position, l *replayed, rec *logv1.Record) {
	d, err := eventlog.ToDecision(rec)
	if err != nil {
		r.differ(pos, rec.GetDecision().GetLoop(), rec.GetDecision().GetEventId(), err.Error())
		return
	}
	r.report.Decisions++
	s := l.snapshot(d.SnapshotID)
	if s == nil {
		r.differ(pos, d.Loop, d.EventID, fmt.Sprintf("snapshot %q is not among the last %d published", d.SnapshotID, replayWindow))
		return
	}
	if what := redecide(s, d); what != "" {
		r.differ(pos, d.Loop, d.EventID, what)
	}
}

func (l *replayed) snapshot(id string) *decision.Snapshot {
	for i := len(l.published) - 1; i >= 0; i-- {
		if l.published[i].ID == id {
			return l.published[i]
		}
	}
	return nil
}

func (r *replay) differ(pos eventlog.Position, loop, eventID, what string) {
	r.report.Different++
	if len(r.report.Differences) < MaxDifferences {
		r.report.Differences = append(r.report.Differences, Difference{pos, loop, eventID, what})
	}
}

func (r *replay) finish(progress func(eventlog.Position, uint64)) {
	for _, name := range sortedLoops(r.fold) {
		if l := r.loops[name]; l != nil && len(l.published) > 0 {
			r.report.Events[name] = l.published[len(l.published)-1].Model.Events()
		}
	}
	if progress != nil {
		progress(r.fold.next-1, r.report.Records)
	}
}
