// Package contact keeps, in this process, whom users were reached by and what budgets have spent.
//
// Both are derived: what was served is in the event log, and Restore puts it back at the start. A place is held for an event
// from before it is decided until it is settled, so that events at once see each other: see decision.ContactSource.
package contact

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/guardrail"
)

// Bounds of a user's contacts.
const (
	Kept        = 90 * 24 * time.Hour // the longest window of a cap
	maxContacts = 1000                // of one user: the oldest beyond are forgotten, and that is said
	shards      = 64
)

// Memory keeps contacts and suppressions. It is safe for concurrent use.
type Memory struct {
	shards [shards]shard
}

type shard struct {
	mu    sync.Mutex
	users map[string]*user
}

// user is what is known of one: contacts by time, the newest last.
type user struct {
	contacts   []guardrail.Contact
	settled    int // how many of them are no holds: those are as many as requests are in flight
	truncated  bool
	suppressed []string
}

// NewMemory returns one that knows nobody.
func NewMemory() *Memory {
	m := new(Memory)
	for i := range m.shards {
		m.shards[i].users = make(map[string]*user)
	}
	return m
}

func (m *Memory) shard(name string) *shard { return &m.shards[xxhash.Sum64String(name)%shards] }

// of returns a user, made where there is none. s.mu is held.
func (s *shard) of(name string) *user {
	u := s.users[name]
	if u == nil {
		u = new(user)
		s.users[name] = u
	}
	return u
}

// Hold returns a user's contacts, the newest first, and holds a place among them.
func (m *Memory) Hold(name string, h decision.Hold) guardrail.UserContacts {
	s := m.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.of(name)
	at := time.UnixMilli(h.UnixMillis).UTC()
	u.forget(at.Add(-Kept))
	known := guardrail.UserContacts{Known: true, Suppressed: u.suppressed, Truncated: u.truncated} // suppressions are never changed in place
	known.Recent = slices.Clone(u.contacts)
	slices.Reverse(known.Recent)
	if !slices.ContainsFunc(u.contacts, func(c guardrail.Contact) bool { return c.Held && c.Event == h.Event && c.Loop == h.Loop }) {
		u.add(guardrail.Contact{At: at, Event: h.Event, Loop: h.Loop, Held: true})
	}
	return known
}

// Settle puts what reached the user in the place of the hold.
func (m *Memory) Settle(name string, h decision.Hold, reached []guardrail.Contact) {
	s := m.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.of(name)
	u.contacts = slices.DeleteFunc(u.contacts, func(c guardrail.Contact) bool {
		gone := c.Event == h.Event && c.Loop == h.Loop && (c.Held || len(reached) > 0) // What is settled again takes its own place.
		if gone && !c.Held {
			u.settled--
		}
		return gone
	})
	for _, c := range reached {
		c.At = time.UnixMilli(c.At.UnixMilli()).UTC() // of a send that was planned, ahead of the hold
		u.add(c)
	}
	s.drop(name, u)
}

// Restore puts a contact that was logged where it belongs.
func (m *Memory) Restore(name string, c guardrail.Contact) {
	s := m.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.At = time.UnixMilli(c.At.UnixMilli()).UTC()
	s.of(name).add(c)
}

// SetSuppressed makes the channels those that must not be used for a user.
func (m *Memory) SetSuppressed(_ context.Context, name string, channels []string) error {
	s := m.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.of(name)
	u.suppressed = nil
	if len(channels) > 0 {
		u.suppressed = slices.Clone(channels)
		slices.Sort(u.suppressed)
	}
	s.drop(name, u)
	return nil
}

// Suppressed returns the channels that must not be used for a user, ordered.
func (m *Memory) Suppressed(_ context.Context, name string) ([]string, error) {
	s := m.shard(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[name]; u != nil {
		return u.suppressed, nil
	}
	return nil, nil
}

// Forget drops contacts that are older than any window, of all users.
func (m *Memory) Forget(now time.Time) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for name, u := range s.users {
			u.forget(now.Add(-Kept))
			s.drop(name, u)
		}
		s.mu.Unlock()
	}
}

// drop forgets a user of whom nothing is known. s.mu is held.
func (s *shard) drop(name string, u *user) {
	if len(u.contacts) == 0 && len(u.suppressed) == 0 {
		delete(s.users, name)
	}
}

// add puts a contact in its place by time.
func (u *user) add(c guardrail.Contact) {
	i := len(u.contacts)
	for i > 0 && u.contacts[i-1].At.After(c.At) {
		i--
	}
	u.contacts = slices.Insert(u.contacts, i, c)
	if c.Held {
		return
	}
	if u.settled++; u.settled > maxContacts {
		oldest := slices.IndexFunc(u.contacts, func(c guardrail.Contact) bool { return !c.Held })
		u.contacts = slices.Delete(u.contacts, oldest, oldest+1)
		u.settled--
		u.truncated = true
	}
}

func (u *user) forget(before time.Time) {
	n := 0
	for n < len(u.contacts) && !u.contacts[n].At.After(before) {
		if !u.contacts[n].Held {
			u.settled--
		}
		n++
	}
	u.contacts = slices.Delete(u.contacts, 0, n)
	u.truncated = u.truncated && n == 0 // What is gone is older than any window by now.
}

// Source joins a feature store and the contacts of this process.
type Source struct {
	Features decision.FeatureSource
	Contacts *Memory
}

var _ decision.ContactSource = (*Source)(nil)

// FetchHolding implements decision.ContactSource.
func (s *Source) FetchHolding(ctx context.Context, name string, names []string, h decision.Hold) (state decision.UserState, err error) {
	state.Contacts = s.Contacts.Hold(name, h)
	if len(names) > 0 {
		state.Features, state.FeaturesErr = s.Features.Fetch(ctx, name, names)
	}
	return state, nil
}

// Settle implements decision.ContactSource.
func (s *Source) Settle(name string, h decision.Hold, reached []guardrail.Contact) {
	s.Contacts.Settle(name, h, reached)
}
