package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/evaluate/jobs"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/model"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// world is everything behind the server, in memory, with the faults that tests plant.
type world struct {
	mu      sync.Mutex
	now     time.Time
	history []eventlog.Entry
	users   map[string]map[string]string
	loops   map[string]*learn.Definition

	logErr, storeErr error
	unpublished      bool
	reloads          map[string]string
	rank             func(ctx context.Context, r *decision.Request) (*decision.Record, error) // nil: the real decider
}

// start is a fixed time for everything that shows in answers.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newWorld() *world {
	uniform, err := model.NewUniform(0)
	if err != nil {
		panic(err)
	}
	reward := learn.RewardSpec{Window: time.Hour, Min: math.Inf(-1), Max: math.Inf(1)}
	catalogue := []decision.Action{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	shop := &decision.Loop{Name: "shop", Actions: catalogue, Policy: uniform, Salt: 7, Schema: features.Schema{
		Context: []features.Field{{Name: "device", Type: features.CategoryType, Default: features.TextValue("unknown")}},
		User:    []features.Field{{Name: "visits", Type: features.NumberType, MaxAge: time.Hour}},
	}}
	open := &decision.Loop{Name: "open", Policy: uniform, Salt: 8}
	bounded := reward
	bounded.Min, bounded.Max = 0, 10
	bounded.Metrics = []learn.Metric{{Name: "click", Weight: 1}, {Name: "sale", Weight: 2}}
	return &world{now: start, users: map[string]map[string]string{}, loops: map[string]*learn.Definition{
		"shop": {Loop: shop, Reward: reward},
		"open": {Loop: open, Reward: bounded},
	}}
}

func (w *world) deps() Deps {
	d := &decision.Decider{
		Snapshots: w, Features: w, Recorder: w, Now: w.clock, FeatureBudget: time.Second,
		NewID: func(time.Time) string { return "generated" },
	}
	return Deps{Decider: decider{w, d}, Loops: w, Events: w, Log: w, Features: w, Reloads: w, Now: w.clock,
		Evaluations: jobs.New(jobs.Options{Data: "nowhere", Logger: slog.New(slog.DiscardHandler), NewID: func(time.Time) string { return "generated" }}),
		NewID:       func() string { return "generated" }, Logger: slog.New(slog.DiscardHandler)}
}

type decider struct {
	w    *world
	real *decision.Decider
}

func (d decider) Rank(ctx context.Context, r *decision.Request) (*decision.Record, error) {
	d.w.mu.Lock()
	planted := d.w.rank
	d.w.mu.Unlock()
	if planted != nil {
		return planted(ctx, r)
	}
	return d.real.Rank(ctx, r)
}

func (d decider) Sent(r *decision.Record, at time.Time) { d.real.Sent(r, at) }

func (w *world) clock() time.Time { return w.now }

func (w *world) Current(loop string) (*decision.Snapshot, bool) {
	def, ok := w.loops[loop]
	if !ok || w.unpublished {
		return nil, false
	}
	return &decision.Snapshot{ID: "1-abc", Number: 1, Loop: def.Loop, Model: nothingLearned{}}, true
}

func (w *world) Loops() []string { return slices.Sorted(maps.Keys(w.loops)) }

func (w *world) Definition(loop string) (*learn.Definition, bool) {
	def, ok := w.loops[loop]
	return def, ok
}

func (w *world) Status(loop string) (learn.Status, bool) {
	_, ok := w.loops[loop]
	return learn.Status{
		Loop: loop, Snapshot: learn.SnapshotInfo{ID: "1-abc", Number: 1, Published: start, Events: 40},
		Decisions: 50, Rewards: map[string]uint64{"joined": 9, "late": 1}, Fallbacks: map[string]uint64{"features_timeout": 2},
		Excluded: map[string]uint64{"excluded_by_request": 3}, Defaulted: map[string]uint64{"visits": 4},
		Events: map[string]uint64{"default": 30, "rewarded": 9}, LagRecords: 5, LagSeconds: 0.25, OpenEvents: 6, Held: 7,
	}, ok
}

func (w *world) ReloadErrors() map[string]string { return w.reloads }

// set changes the world while it is served.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) Stats() eventlog.Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return eventlog.Stats{Segments: 2, Bytes: 4096, LastSync: start, Failed: w.logErr}
}

func (w *world) Find(_ context.Context, loop, eventID string, _ decision.Durability) (*decision.Record, error) {
	for _, e := range w.entries(loop, eventID) {
		if e.Record.GetDecision() != nil {
			return eventlog.ToDecision(e.Record)
		}
	}
	return nil, nil
}

func (w *world) Record(ctx context.Context, r *decision.Record, d decision.Durability) error {
	_, err := w.Append(ctx, eventlog.FromDecision(r), d)
	if err != nil {
		return errors.Join(decision.ErrNotRecorded, err)
	}
	return nil
}

func (w *world) Append(_ context.Context, r *logv1.Record, _ decision.Durability) (eventlog.Position, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.logErr != nil {
		return 0, w.logErr
	}
	at := eventlog.Position(len(w.history) + 1)
	w.history = append(w.history, eventlog.Entry{Position: at, Record: r})
	return at, nil
}

func (w *world) History(_ context.Context, loop, eventID string) ([]eventlog.Entry, error) {
	return w.entries(loop, eventID), nil
}

func (w *world) entries(loop, eventID string) []eventlog.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []eventlog.Entry
	for _, e := range w.history {
		type named interface {
			GetLoop() string
			GetEventId() string
		}
		for _, body := range []named{e.Record.GetDecision(), e.Record.GetReward(), e.Record.GetActivation()} {
			if body.GetLoop() == loop && body.GetEventId() == eventID {
				found = append(found, e)
			}
		}
	}
	return found
}

func (w *world) Fetch(_ context.Context, user string, names []string) ([]features.Raw, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	raw := make([]features.Raw, len(names))
	for i, name := range names {
		raw[i].Text, raw[i].Present = w.users[user][name]
	}
	return raw, w.storeErr
}

func (w *world) Put(_ context.Context, user string, values map[string]string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.users[user] == nil {
		w.users[user] = map[string]string{}
	}
	maps.Copy(w.users[user], values)
	return w.storeErr
}

func (w *world) All(_ context.Context, user string) (map[string]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.users[user]), w.storeErr
}

func (w *world) Delete(_ context.Context, user string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.users, user)
	return w.storeErr
}

func (w *world) Close() error { return nil }

// nothingLearned expects 0 of every action.
type nothingLearned struct{}

func (nothingLearned) Estimate(dst []model.Estimate, _ features.Set, candidates []model.Candidate) []model.Estimate {
	return append(dst, make([]model.Estimate, len(candidates))...)
}
func (nothingLearned) Events() uint64                        { return 0 }
func (nothingLearned) RewardDeviation() float64              { return 0 }
func (nothingLearned) AppendBinary(b []byte) ([]byte, error) { return b, nil }

// running is a server on real sockets with a client of each protocol.
type running struct {
	t    testing.TB
	srv  *Server
	conn *grpc.ClientConn
	http *http.Client
	cut  bool // the test cuts calls off, which Serve reports
}

func testConfig() Config {
	c := DefaultConfig()
	c.HTTPAddr, c.GRPCAddr = "127.0.0.1:0", "127.0.0.1:0"
	return c
}

// serve runs a server until the test ends, and fails the test when it does not stop cleanly.
func serve(t testing.TB, config Config, deps Deps) *running {
	t.Helper()
	srv, err := New(config, deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx) }()
	conn, err := grpc.NewClient(srv.GRPCAddr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, srv: srv, conn: conn, http: &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(func() {
		r.http.CloseIdleConnections()
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		stop()
		if err := <-done; (err != nil) != r.cut {
			t.Errorf("Serve: %v", err)
		}
	})
	return r
}

func (r *running) decisions() nextbestv1.DecisionServiceClient {
	return nextbestv1.NewDecisionServiceClient(r.conn)
}

// answer is what REST answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// field returns a member of the answer's JSON, by its path.
func (a answer) field(path string) any {
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		return nil
	}
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i := int(part[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (r *running) rest(method, path, body string) answer {
	r.t.Helper()
	return r.restAs(method, path, "application/json", strings.NewReader(body))
}

func (r *running) restAs(method, path, contentType string, body io.Reader) answer {
	r.t.Helper()
	request, err := http.NewRequest(method, "http://"+r.srv.HTTPAddr().String()+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return r.do(request)
}

func (r *running) do(request *http.Request) answer {
	r.t.Helper()
	response, err := r.http.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(response.Body); err != nil {
		r.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, b.Bytes()}
}
