// Package kill is the kill switch: what must not be served any more, whatever loops and models say.
//
// A switch is thrown by an operator (command or API), or by a file. It is in force before it is recorded: stopping must not
// wait for a disk. Lifting is recorded first. What operators have thrown is a fold over the audit entries kill.set and
// kill.lift; where there is a Shared memory, that is asked many times a second, so that all replicas agree within one.
package kill

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nextbest/nextbest/audit"
	"github.com/nextbest/nextbest/decision"
)

// Target is what is switched off: an action of a loop, a whole loop, or with neither everything.
type Target struct {
	Loop   string `json:"loop,omitempty" yaml:"loop"`
	Action string `json:"action,omitempty" yaml:"action"`
}

// ErrTarget is an action without its loop.
var ErrTarget = errors.New("name the loop of the action: an action is switched off in one loop")

// ErrNotKilled is a lift of what is not switched off by an operator.
var ErrNotKilled = errors.New("it is not switched off, or by the file alone: change the file")

// Check refuses a target that is none.
func (t Target) Check() error {
	if t.Action != "" && t.Loop == "" {
		return ErrTarget
	}
	return nil
}

// String returns the target as people read it.
func (t Target) String() string {
	switch {
	case t.Action != "":
		return t.Loop + "/" + t.Action
	case t.Loop != "":
		return t.Loop
	}
	return "everything"
}

// Kill is one switch that is thrown.
type Kill struct {
	Target
	Actor  string    `json:"actor"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// FileActor is the actor of switches that the file throws.
const FileActor = "file"

// set is what is switched off at a moment. It is immutable.
type set map[Target]Kill

func (s set) killed(loop, action string) bool {
	if len(s) == 0 {
		return false
	}
	for _, t := range [...]Target{{}, {Loop: loop}, {Loop: loop, Action: action}} {
		if _, off := s[t]; off {
			return true
		}
	}
	return false
}

// Shared is a memory that several processes have in common.
type Shared interface {
	// Kills returns the texts by target text, and false when there is no such memory yet, or no longer.
	Kills(ctx context.Context) (map[string]string, bool, error)
	SetKill(ctx context.Context, target, text string) error
	LiftKill(ctx context.Context, target string) error
}

// Journal records changes.
type Journal interface {
	Append(ctx context.Context, e audit.Entry) (audit.Entry, error)
}

// Switch is a decision.KillSwitch. It is safe for concurrent use.
type Switch struct {
	journal Journal
	shared  Shared // nil: this process is alone
	now     func() time.Time
	logger  *slog.Logger

	current atomic.Pointer[set] // what decisions ask: operators' and the file's

	mu        sync.Mutex
	operators set
	file      set
	fileError string // why the file is not in force as it stands
	stale     bool   // the shared memory did not answer last time
	untold    set    // switches that the shared memory does not have yet: it must not lift them
	changes   uint64 // of the operators' switches by this process: what was read before one is out of date
}

var _ decision.KillSwitch = (*Switch)(nil)

// Options of a switch.
type Options struct {
	Journal Journal
	Shared  Shared // may be nil
	Now     func() time.Time
	Logger  *slog.Logger
}

// New returns a switch with nothing switched off.
func New(o Options) *Switch {
	s := &Switch{journal: o.Journal, shared: o.Shared, now: o.Now, logger: o.Logger, operators: set{}, file: set{}, untold: set{}}
	s.current.Store(&set{})
	return s
}

// Killed implements decision.KillSwitch.
func (s *Switch) Killed(dst []int, loop string, actions []decision.Action) []int {
	off := *s.current.Load()
	if len(off) == 0 {
		return dst
	}
	for i := range actions {
		if off.killed(loop, actions[i].ID) {
			dst = append(dst, i)
		}
	}
	return dst
}

// Kills returns what is switched off, ordered by target.
func (s *Switch) Kills() []Kill {
	off := *s.current.Load()
	return slices.SortedFunc(maps.Values(off), func(a, b Kill) int {
		return cmp.Or(strings.Compare(a.Loop, b.Loop), strings.Compare(a.Action, b.Action))
	})
}

// Apply folds an audit entry, as they are read at the start. Others than the switch's own are passed over.
func (s *Switch) Apply(e audit.Entry) {
	t := Target{Loop: e.Loop, Action: e.Subject}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.Kind {
	case "kill.set":
		s.operators[t] = Kill{Target: t, Actor: e.Actor, Reason: e.Reason, Since: e.Time}
	case "kill.lift":
		delete(s.operators, t)
	default:
		return
	}
	s.publish()
}

// publish puts the operators' and the file's switches in force. s.mu is held.
func (s *Switch) publish() {
	all := maps.Clone(s.operators)
	for t, k := range s.file {
		all[t] = k
	}
	s.current.Store(&all)
}

// Set switches a target off. It is off when Set returns, whatever the error: that is only about it being recorded, and told
// to others.
func (s *Switch) Set(ctx context.Context, t Target, actor, reason string) (Kill, error) {
	if err := t.Check(); err != nil {
		return Kill{}, err
	}
	if strings.TrimSpace(actor) == "" {
		return Kill{}, audit.ErrActor
	}
	k := Kill{Target: t, Actor: actor, Reason: reason, Since: s.now().UTC()}
	s.mu.Lock()
	before, was := s.operators[t]
	s.operators[t] = k
	s.changes++
	if s.shared != nil {
		s.untold[t] = k
	}
	s.publish()
	s.mu.Unlock()
	e := audit.Entry{Kind: "kill.set", Actor: actor, Loop: t.Loop, Subject: t.Action, Reason: reason, After: textOf(k)}
	if was {
		e.Before = textOf(before)
	}
	_, err := s.journal.Append(ctx, e)
	return k, errors.Join(err, s.tell(ctx, t, &k))
}

// Lift switches a target on again, once that is recorded.
func (s *Switch) Lift(ctx context.Context, t Target, actor, reason string) error {
	if err := t.Check(); err != nil {
		return err
	}
	s.mu.Lock()
	before, off := s.operators[t]
	s.mu.Unlock()
	if !off {
		return fmt.Errorf("%s: %w", t, ErrNotKilled)
	}
	if _, err := s.journal.Append(ctx, audit.Entry{Kind: "kill.lift", Actor: actor, Loop: t.Loop, Subject: t.Action, Reason: reason, Before: textOf(before)}); err != nil {
		return err
	}
	if err := s.tell(ctx, t, nil); err != nil {
		return err // Still off: the others would not know.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.operators, t)
	s.changes++
	s.publish()
	return nil
}

// tell lets the other processes know; nil: it is lifted.
func (s *Switch) tell(ctx context.Context, t Target, k *Kill) error {
	if s.shared == nil {
		return nil
	}
	key := string(textOf(t))
	var err error
	if k != nil {
		err = s.shared.SetKill(ctx, key, string(textOf(k)))
	} else {
		err = s.shared.LiftKill(ctx, key)
	}
	if err != nil {
		return fmt.Errorf("tell the other replicas: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.untold, t)
	return nil
}

func textOf(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // Texts and times have JSON.
	}
	return b
}
