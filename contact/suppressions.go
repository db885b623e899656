package contact

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nextbest/nextbest/audit"
)

// SuppressionSet is the kind of the audit entries that changes of suppressions are. After is the list of channels.
const SuppressionSet = "suppression.set"

// Keeper keeps which channels must not be used for a user.
type Keeper interface {
	SetSuppressed(ctx context.Context, user string, channels []string) error
	Suppressed(ctx context.Context, user string) ([]string, error)
}

var _ Keeper = (*Memory)(nil)

// Journal records changes.
type Journal interface {
	Append(ctx context.Context, e audit.Entry) (audit.Entry, error)
}

// Suppressions changes who must not be reached. The log comes first: what it has is brought to the keeper sooner or later,
// whatever the keeper is doing meanwhile. It is safe for concurrent use.
type Suppressions struct {
	journal Journal
	keeper  Keeper
	logger  *slog.Logger

	mu   sync.Mutex          // one change at a time: the keeper must not end with an older one than the log
	owed map[string][]string // by user: what the keeper could not take
}

// NewSuppressions returns one over a keeper.
func NewSuppressions(j Journal, k Keeper, logger *slog.Logger) *Suppressions {
	return &Suppressions{journal: j, keeper: k, logger: logger, owed: make(map[string][]string)}
}

// Set makes the channels those that must not be used for a user, and returns them ordered. When it returns without an error,
// the next decision knows.
func (s *Suppressions) Set(ctx context.Context, user string, channels []string, actor, reason string) ([]string, error) {
	channels = slices.Clone(channels)
	slices.Sort(channels)
	channels = slices.Compact(channels)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := audit.Entry{Kind: SuppressionSet, Actor: actor, Subject: user, Reason: reason, After: list(channels)}
	if before, err := s.keeper.Suppressed(ctx, user); err == nil {
		e.Before = list(before)
	}
	if _, err := s.journal.Append(ctx, e); err != nil {
		return nil, err
	}
	if err := s.keeper.SetSuppressed(ctx, user, channels); err != nil {
		s.owed[user] = channels
		return nil, fmt.Errorf("the suppression is recorded, and will be in force as soon as it can be stored: %w", err)
	}
	delete(s.owed, user)
	return channels, nil
}

// Get returns the channels that must not be used for a user, ordered.
func (s *Suppressions) Get(ctx context.Context, user string) ([]string, error) {
	return s.keeper.Suppressed(ctx, user)
}

// Apply folds an audit entry, as they are read at the start, into the keeper. Entries of other kinds are passed over.
func (s *Suppressions) Apply(ctx context.Context, e audit.Entry) error {
	if e.Kind != SuppressionSet {
		return nil
	}
	var channels []string
	if err := json.Unmarshal(e.After, &channels); err != nil {
		return fmt.Errorf("position %d: %w", e.Position, err)
	}
	return s.keeper.SetSuppressed(ctx, e.Subject, channels)
}

// retryEvery is how often what the keeper could not take is tried again.
const retryEvery = 200 * time.Millisecond

// Run brings to the keeper what it could not take, until ctx is done.
func (s *Suppressions) Run(ctx context.Context) {
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.retry(ctx)
		}
	}
}

func (s *Suppressions) retry(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for user, channels := range s.owed {
		if err := s.keeper.SetSuppressed(ctx, user, channels); err != nil {
			s.logger.Debug("a suppression still waits to be stored", "error", err)
			return
		}
		delete(s.owed, user)
	}
}

func list(channels []string) json.RawMessage {
	b, err := json.Marshal(append([]string{}, channels...))
	if err != nil {
		panic(err) // Texts have JSON.
	}
	return b
}
