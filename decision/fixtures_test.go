package decision

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// fixed is a predictor with one mean per action id.
type fixed struct {
	means     map[string]float64
	events    uint64
	deviation float64
}

func (f fixed) Estimate(dst []model.Estimate, _ features.Set, candidates []model.Candidate) []model.Estimate {
	for _, c := range candidates {
		dst = append(dst, model.Estimate{Mean: f.means[c.ID]})
	}
	return dst
}
func (f fixed) Events() uint64                        { return f.events }
func (f fixed) RewardDeviation() float64              { return f.deviation }
func (f fixed) AppendBinary(b []byte) ([]byte, error) { return b, nil }

func actions(ids string) []Action {
	var out []Action
	for _, id := range strings.Fields(ids) {
		out = append(out, Action{ID: id})
	}
	return out
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// snapshotOf returns a snapshot of a loop with the catalogue a b c, of which b is thought best.
func snapshotOf(policy model.Exploration, change func(*Loop)) *Snapshot {
	loop := &Loop{Name: "shop", Actions: actions("a b c"), Policy: policy, Salt: 42}
	if change != nil {
		change(loop)
	}
	return &Snapshot{
		ID: "7-abc", Number: 7, Loop: loop,
		Model: fixed{means: map[string]float64{"a": 0.1, "b": 0.5, "c": 0.2}, events: 100, deviation: 0.5},
	}
}

// oneLoop publishes one snapshot.
type oneLoop struct{ snapshot *Snapshot }

func (o oneLoop) Current(loop string) (*Snapshot, bool) {
	return o.snapshot, loop == o.snapshot.Loop.Name
}

// memoryLog records in memory; fail makes Record fail.
type memoryLog struct {
	mu      sync.Mutex
	records []*Record
	fail    error
}

func (m *memoryLog) Record(_ context.Context, r *Record, _ Durability) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.records = append(m.records, r)
	return nil
}

func (m *memoryLog) Find(_ context.Context, loop, eventID string, _ Durability) (*Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.records, func(r *Record) bool { return r.Loop == loop && r.EventID == eventID })
	if i < 0 {
		return nil, nil
	}
	return m.records[i], nil
}

// user answers every fetch with the same raw values, or waits for the deadline.
type user struct {
	raw   []features.Raw
	err   error
	hangs bool
}

func (u user) Fetch(ctx context.Context, _ string, _ []string) ([]features.Raw, error) {
	if u.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return u.raw, u.err
}

func newDecider(t *testing.T, s *Snapshot, log *memoryLog, source FeatureSource) *Decider {
	t.Helper()
	n := 0
	return &Decider{
		Snapshots: oneLoop{s}, Features: source, Recorder: log,
		Now:           func() time.Time { return time.Unix(1_800_000_000, 0) },
		NewID:         func(time.Time) string { n++; return "generated-" + string(rune('0'+n)) },
		FeatureBudget: 20 * time.Millisecond,
	}
}
