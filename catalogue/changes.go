package catalogue

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nextbest/nextbest/audit"
)

// Verdict is what a loop says of a variant.
type Verdict struct {
	Problem string   // it can be no action of the loop; "" when it can
	Reasons []string // of the admission rules that it breaks
}

// Rules is what loops say of variants.
type Rules interface {
	// Judge returns a verdict for each document, and how much of what is admitted a person is to look at, and whether it is
	// served meanwhile. Errors are about the loop.
	Judge(loop string, documents []json.RawMessage) (verdicts []Verdict, review Sampling, err error)
}

// Sampling is how much of what the rules admit is looked at by people.
type Sampling struct {
	Share  float64
	Serves bool // what is drawn is served while it waits
}

// Journal records changes.
type Journal interface {
	Append(ctx context.Context, e audit.Entry) (audit.Entry, error)
}

// Store holds a copy of the actions for other processes, and tells of their changes.
type Store interface {
	// Put stores actions of a loop, and changes the loop's revision.
	Put(ctx context.Context, loop string, actions []*Action) error
	// All returns the actions of a loop by id, and their revision; "" when there are none.
	All(ctx context.Context, loop string) (actions map[string]*Action, revision string, err error)
	// Revision returns a loop's revision.
	Revision(ctx context.Context, loop string) (string, error)
}

// Catalogue is the actions of all loops. It is safe for concurrent use.
type Catalogue struct {
	rules   Rules
	journal Journal
	store   Store // nil: this process is alone
	now     func() time.Time
	logger  *slog.Logger

	changing sync.Mutex // one change at a time: they are recorded in the order in which they are made

	mu        sync.RWMutex
	loops     map[string]map[string]*Action // actions are never changed in place
	revisions map[string]string             // of the store, as it was read or written last
	owed      map[string]map[string]*Action // what the store could not take, by loop and id
	changed   chan struct{}                 // has a token when a loop may have other live actions
}

// Options of a catalogue.
type Options struct {
	Rules   Rules
	Journal Journal
	Store   Store // may be nil
	Now     func() time.Time
	Logger  *slog.Logger
}

// New returns an empty catalogue.
func New(o Options) *Catalogue {
	return &Catalogue{
		rules: o.Rules, journal: o.Journal, store: o.Store, now: o.Now, logger: o.Logger,
		loops: make(map[string]map[string]*Action), revisions: make(map[string]string), owed: make(map[string]map[string]*Action), changed: make(chan struct{}, 1),
	}
}

// Kinds of the audit entries that changes are.
const (
	kindUpsert = "catalogue.upsert"
	kindHold   = "catalogue.hold"
	kindReview = "catalogue.review"
)

// change is what an audit entry says of a change: the versions that it made or judged, and who was held.
type change struct {
	Versions []Version        `json:"versions,omitempty"`
	Held     map[string]State `json:"held,omitempty"` // "" is restored
}

// Result is what became of one variant.
type Result struct {
	ID      string
	Version int
	State   State
	Reasons []string // why it was rejected
	Err     error    // why it was not taken at all
}

// chunk bounds what one audit entry holds.
const (
	chunkVersions = 500
	chunkBytes    = 400 << 10
)

// Upsert takes variants of a loop: each is admitted, rejected with every reason, or waits for a person. Results come in the
// order of the variants. After an error, the results before it are in force.
func (c *Catalogue) Upsert(ctx context.Context, loop string, variants []Variant, actor, reason string) ([]Result, error) {
	c.changing.Lock()
	defer c.changing.Unlock()
	if strings.TrimSpace(actor) == "" {
		return nil, audit.ErrActor
	}
	results := make([]Result, 0, len(variants))
	for len(variants) > 0 {
		n := chunkOf(variants)
		part, err := c.upsert(ctx, loop, variants[:n], actor, reason)
		if err != nil {
			return results, err
		}
		results, variants = append(results, part...), variants[n:]
	}
	return results, nil
}

// chunkOf returns how many of the variants go into one entry: each id once, so that a later version of the same is judged, and
// numbered, after it.
func chunkOf(variants []Variant) (n int) {
	size, seen := 0, make(map[string]bool)
	for n < len(variants) && n < chunkVersions && !seen[variants[n].ID] && (n == 0 || size+len(variants[n].Document) <= chunkBytes) {
		size += len(variants[n].Document)
		seen[variants[n].ID] = true
		n++
	}
	return n
}

// upsert takes as many variants as one entry holds.
func (c *Catalogue) upsert(ctx context.Context, loop string, variants []Variant, actor, reason string) ([]Result, error) {
	documents := make([]json.RawMessage, len(variants))
	for i := range variants {
		documents[i] = variants[i].Document
	}
	verdicts, sampling, err := c.rules.Judge(loop, documents)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(variants))
	known := c.actions(loop)
	news, lives := 0, admittedIn(known)
	var made change
	for i := range variants {
		v := &variants[i]
		results[i].ID = v.ID
		version := Version{ID: v.ID, Document: v.Document, From: v.From, Until: v.Until, Actor: actor, At: c.now().UTC()}
		if a := known[v.ID]; a != nil {
			version.Number = a.Newest().Number
		}
		if results[i].Err = allowed(v, version.Number, &verdicts[i]); results[i].Err != nil {
			continue
		}
		if version.Number == 0 {
			if news++; len(known)+news > MaxActions {
				results[i].Err = fmt.Errorf("%w: it has %d actions of the loop: retired ones count", ErrFull, MaxActions)
				continue
			}
		}
		version.Number++
		version.Drawn = !v.Draft && drawn(loop, v.ID, version.Number, sampling.Share)
		version.State, version.Reasons = judged(v, version.Drawn && !sampling.Serves, &verdicts[i])
		if a := known[v.ID]; version.State == Admitted && (a == nil || !a.offered()) {
			if lives++; lives > MaxLive {
				results[i].Err = fmt.Errorf("%w: %d actions of the loop are live: retire some", ErrFull, MaxLive)
				continue
			}
		}
		made.Versions = append(made.Versions, version)
		results[i].Version, results[i].State, results[i].Reasons = version.Number, version.State, version.Reasons
	}
	if len(made.Versions) == 0 {
		return results, nil
	}
	subject := ""
	if len(made.Versions) == 1 {
		subject = made.Versions[0].ID
	}
	return results, c.make(ctx, audit.Entry{Kind: kindUpsert, Actor: actor, Loop: loop, Subject: subject, Reason: reason}, nil, &made)
}

// admittedIn counts the actions that are live, or will be by themselves.
func admittedIn(actions map[string]*Action) (n int) {
	for _, a := range actions {
		if a.offered() {
			n++
		}
	}
	return n
}

// allowed says why a variant cannot be taken.
func allowed(v *Variant, newest int, verdict *Verdict) error {
	switch {
	case verdict.Problem != "":
		return fmt.Errorf("%s", verdict.Problem)
	case !v.Until.IsZero() && !v.From.Before(v.Until):
		return fmt.Errorf("it would be valid until %s, and from %s", v.Until.Format(time.RFC3339), v.From.Format(time.RFC3339))
	case v.IfVersion > 0 && v.IfVersion != newest, v.IfVersion < 0 && newest != 0:
		return fmt.Errorf("%w: %d", ErrVersion, newest)
	}
	return nil
}

// judged returns the state that a version begins in.
func judged(v *Variant, waits bool, verdict *Verdict) (State, []string) {
	switch {
	case v.Draft:
		return Draft, nil
	case len(verdict.Reasons) > 0:
		return Rejected, verdict.Reasons
	case waits:
		return Review, nil
	}
	return Admitted, nil
}

// Hold pauses, retires or (to Live) restores an action.
func (c *Catalogue) Hold(ctx context.Context, loop, id string, to State, actor, reason string) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	a, err := c.action(loop, id)
	if err != nil {
		return err
	}
	held, err := a.hold(to)
	if err != nil {
		return err
	}
	before := change{Held: map[string]State{id: a.Held}}
	return c.make(ctx, audit.Entry{Kind: kindHold, Actor: actor, Loop: loop, Subject: id, Reason: reason}, &before, &change{Held: map[string]State{id: held}})
}

// Judge is a person's word on the newest version of an action that waits for one, or is a draft: approved or not.
func (c *Catalogue) Judge(ctx context.Context, loop, id string, approve bool, actor, reason string) (State, error) {
	c.changing.Lock()
	defer c.changing.Unlock()
	a, err := c.action(loop, id)
	if err != nil {
		return "", err
	}
	v := *a.Newest()
	before := change{Versions: []Version{v}}
	switch {
	case !v.waits() && v.State != Draft:
		return "", fmt.Errorf("version %d of %q is %s, and waits for nobody: %w", v.Number, id, v.State, ErrTransition)
	case !approve:
		v.State, v.Reasons = Rejected, []string{"rejected by " + actor}
	default:
		verdicts, _, err := c.rules.Judge(loop, []json.RawMessage{v.Document}) // The rules may have changed meanwhile.
		if err != nil {
			return "", err
		}
		if verdicts[0].Problem != "" {
			verdicts[0].Reasons = []string{verdicts[0].Problem}
		}
		if v.State, v.Reasons = Admitted, verdicts[0].Reasons; len(v.Reasons) > 0 {
			v.State = Rejected
		}
	}
	v.Reviewer = actor
	return v.State, c.make(ctx, audit.Entry{Kind: kindReview, Actor: actor, Loop: loop, Subject: id, Reason: reason}, &before, &change{Versions: []Version{v}})
}

// make records a change, makes it, and tells the store.
func (c *Catalogue) make(ctx context.Context, e audit.Entry, before, after *change) error {
	var err error
	if e.After, err = json.Marshal(after); err != nil {
		return err
	}
	if before != nil {
		if e.Before, err = json.Marshal(before); err != nil {
			return err
		}
	}
	recorded, err := c.journal.Append(ctx, e)
	if err != nil {
		return err
	}
	recorded.After = e.After
	touched, err := c.apply(recorded)
	if err != nil || c.store == nil {
		return err
	}
	if err := c.store.Put(ctx, e.Loop, touched); err != nil {
		c.owe(e.Loop, touched)
		return fmt.Errorf("the change is recorded and in force here; other replicas do not have it: %w", err)
	}
	return nil
}

// owe keeps what the store could not take: what is read from it must not undo it.
func (c *Catalogue) owe(loop string, actions []*Action) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.owed[loop]
	if of == nil {
		of = make(map[string]*Action)
		c.owed[loop] = of
	}
	for _, a := range actions {
		of[a.ID] = a
	}
}

// Apply folds an audit entry, as they are read at the start. Entries of other kinds are passed over.
func (c *Catalogue) Apply(e audit.Entry) error {
	switch e.Kind {
	case kindUpsert, kindHold, kindReview:
		_, err := c.apply(e)
		return err
	}
	return nil
}

func (c *Catalogue) apply(e audit.Entry) (touched []*Action, err error) {
	var made change
	if err := json.Unmarshal(e.After, &made); err != nil {
		return nil, fmt.Errorf("catalogue entry at position %d: %w", e.Position, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.loops[e.Loop]
	if of == nil {
		of = make(map[string]*Action)
		c.loops[e.Loop] = of
	}
	for _, v := range made.Versions {
		a := &Action{ID: v.ID}
		if known := of[v.ID]; known != nil {
			a = known.clone()
		}
		if i := slices.IndexFunc(a.Versions, func(x Version) bool { return x.Number == v.Number }); i >= 0 {
			a.Versions[i] = v
		} else {
			a.add(v)
		}
		of[v.ID] = a
		touched = append(touched, a)
	}
	for id, held := range made.Held {
		if known := of[id]; known != nil {
			a := known.clone()
			a.Held = held
			of[id] = a
			touched = append(touched, a)
		}
	}
	c.signal()
	return touched, nil
}

// signal says that a loop may have other live actions.
func (c *Catalogue) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// actions returns a loop's actions; the map must not be changed and is only good while nothing changes.
func (c *Catalogue) actions(loop string) map[string]*Action {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return maps.Clone(c.loops[loop])
}

func (c *Catalogue) action(loop, id string) (*Action, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if a := c.loops[loop][id]; a != nil {
		return a, nil
	}
	return nil, fmt.Errorf("%q of loop %s: %w", id, loop, ErrUnknownAction)
}
