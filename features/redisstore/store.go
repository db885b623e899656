// Package redisstore keeps users' features in Redis: one server, sentinels, or a cluster.
//
//	nb:u:{USER}       a hash per user; the braces are part of the key: all that is a user's shares a cluster slot
//	  FEATURE         a field per feature, plain text
//	  FEATURE@at      when it was written, in unix seconds, where the writer says so
//	  @at             when all of the user's features were
//	nb:c:{USER}       a sorted set of the user's contacts and holds by their time in unix ms, for contact policies
//	  ["contact",EVENT,LOOP,ACTION,CHANNEL,TAG...]
//	  ["hold",EVENT,LOOP]   an event that is being decided
//	nb:s:{USER}       a set of the channels that must not be used for the user; * is all
//
// Anyone may write these with plain HSET. Reads are one HMGET of the names asked for, never the whole hash; those in
// flight at the same time share pipelines. Every call ends by its context's deadline, whatever Redis does; while Redis
// does not answer, calls fail at once, and its return is found by a probe.
//
// What Redis acknowledged it may lose again (a restart without persistence, a failover): features have to be
// reproducible from elsewhere.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/nextbest/nextbest/features"
)

var _ features.Store = (*Store)(nil)

// clusterLanes is into how many lanes the slots of a cluster are cut: enough that a node's share is lanes of its own,
// mostly, and few enough that callers still meet in them.
const clusterLanes = 16

// reloadAfter is after how many failures a cluster client is told to look for its masters again.
const reloadAfter = 10

// Store is a features.Store in Redis.
type Store struct {
	options Options
	client  redis.UniversalClient
	cluster *redis.ClusterClient // nil unless it is one
	lanes   []*lane
	stats   stats

	settlements chan settlement

	ctx  context.Context // ended by Close
	stop context.CancelFunc
	wait sync.WaitGroup // of flights and probes
}

type stats struct {
	direct, pipelines, shared, failures, contacts, unsettled atomic.Uint64
}

// Stats are counts since the start.
type Stats struct {
	Direct    uint64 // reads sent on their own
	Pipelines uint64 // pipelines of reads
	Shared    uint64 // reads in pipelines
	Failures  uint64 // round trips that Redis did not answer, or answered that it cannot
	Contacts  uint64 // contacts that could not be read although Redis answered
	Unsettled uint64 // holds that stay among contacts since they could not be settled: they count
	Open      bool   // calls of some users or all fail at once
}

// New returns a store without waiting for Redis. Only options can be wrong.
func New(o Options) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	client, err := newClient(o)
	if err != nil {
		return nil, err
	}
	s := &Store{options: o, client: client, settlements: make(chan settlement, settleQueue)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.wait.Go(s.settle)
	lanes := 1
	if cluster, ok := client.(*redis.ClusterClient); ok {
		s.cluster, lanes = cluster, clusterLanes
	}
	for range lanes {
		b := &breaker{limit: int32(o.BreakAfter), every: o.ProbeEvery, ctx: s.ctx, wait: &s.wait, log: o.Logger}
		s.lanes = append(s.lanes, &lane{store: s, breaker: b})
	}
	return s, nil
}

// Key returns the key of a user's hash.
func Key(user string) string { return "nb:u:{" + user + "}" }

// Fetch implements features.Store.
func (s *Store) Fetch(ctx context.Context, user string, names []string) ([]features.Raw, error) {
	if err := check(ctx, "fetch", user); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, nil
	}
	key := Key(user)
	cmd := hmget(ctx, key, names)
	err := s.lane(key).do(&read{ctx: ctx, key: key, cmd: cmd})
	if err == nil { // Else the command may still be in flight: it is not ours to read.
		err = cmd.Err()
	}
	if err != nil {
		return nil, storeError(ctx, "fetch", err)
	}
	return decode(cmd.Val()), nil
}

func hmget(ctx context.Context, key string, names []string) *redis.SliceCmd {
	args := make([]any, 2, 2+len(names))
	args[0], args[1] = "hmget", key
	for i := range names {
		args = append(args, &names[i]) // go-redis takes pointers, which need no memory of their own
	}
	return redis.NewSliceCmd(ctx, args...)
}

// decode keeps of a value no more than any type can take.
func decode(values []any) []features.Raw {
	raw := make([]features.Raw, len(values))
	for i, v := range values {
		text, ok := v.(string)
		if len(text) > features.MaxStored+1 {
			text = strings.Clone(text[:features.MaxStored+1])
		}
		raw[i] = features.Raw{Text: text, Present: ok}
	}
	return raw
}

// Put implements features.Store.
func (s *Store) Put(ctx context.Context, user string, values map[string]string) error {
	if err := features.CheckPut(user, values); err != nil {
		return err
	}
	if len(values) == 0 {
		return check(ctx, "put", user)
	}
	return s.run(ctx, "put", user, func(key string) error { return s.client.HSet(ctx, key, values).Err() })
}

var errTooManyFields = fmt.Errorf("the user has more than %d features", features.MaxFields)

// All implements features.Store. It looks at the size of the hash first, since anyone may have written it.
func (s *Store) All(ctx context.Context, user string) (map[string]string, error) {
	var values map[string]string
	err := s.run(ctx, "all", user, func(key string) error {
		n, err := s.client.HLen(ctx, key).Result()
		if err != nil {
			return err
		}
		if n > features.MaxFields {
			return errTooManyFields
		}
		values, err = s.client.HGetAll(ctx, key).Result()
		return err
	})
	return values, err
}

// Delete implements features.Store.
func (s *Store) Delete(ctx context.Context, user string) error {
	return s.run(ctx, "delete", user, func(key string) error { return s.client.Unlink(ctx, key).Err() })
}

// run does what is not on the hot path: without a pipeline, under the same breaker.
func (s *Store) run(ctx context.Context, op, user string, do func(key string) error) error {
	if err := check(ctx, op, user); err != nil {
		return err
	}
	key := Key(user)
	b := s.lane(key).breaker
	if b.open.Load() {
		return storeError(ctx, op, errOpen)
	}
	err := do(key)
	s.report(err, b, key)
	if err != nil {
		return storeError(ctx, op, err)
	}
	return nil
}

// Ping asks whether Redis answers, past the breaker.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.client.Ping(ctx).Err(); err != nil {
		return storeError(ctx, "ping", err)
	}
	return nil
}

// Stats returns the counts so far.
func (s *Store) Stats() Stats {
	st := Stats{
		Direct: s.stats.direct.Load(), Pipelines: s.stats.pipelines.Load(), Shared: s.stats.shared.Load(),
		Failures: s.stats.failures.Load(), Contacts: s.stats.contacts.Load(), Unsettled: s.stats.unsettled.Load(),
	}
	for _, l := range s.lanes {
		st.Open = st.Open || l.breaker.open.Load()
	}
	return st
}

// Close implements features.Store.
func (s *Store) Close() error {
	s.stop()
	s.wait.Wait()
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("close redis: %w", err)
	}
	return nil
}

func (s *Store) lane(key string) *lane {
	if len(s.lanes) == 1 {
		return s.lanes[0]
	}
	return s.lanes[slot(key)*len(s.lanes)/slotCount]
}

// report tells a breaker how a round trip for a key ended.
func (s *Store) report(err error, b *breaker, key string) {
	if err == nil {
		b.succeeded()
		return
	}
	reason, unfit := classify(err)
	switch {
	case reason == features.ReasonCanceled: // says nothing about Redis
	case !unfit:
		b.succeeded()
	default:
		if n := s.stats.failures.Add(1); s.cluster != nil && n%reloadAfter == 0 {
			s.cluster.ReloadState(s.ctx) // in the background
		}
		b.failed(func(ctx context.Context) error { return s.probe(ctx, key) })
	}
}

// probe asks for what failed, so that the answer comes from the same node under the same conditions.
func (s *Store) probe(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, max(s.options.Timeout, s.options.DialTimeout))
	defer cancel()
	err := s.client.HExists(ctx, key, "@at").Err()
	if err == nil {
		return nil
	}
	if s.cluster != nil {
		s.cluster.ReloadState(ctx)
	}
	if _, unfit := classify(err); !unfit && !errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func check(ctx context.Context, op, user string) error {
	if err := features.CheckUser(op, user); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return storeError(ctx, op, err)
	}
	return nil
}

// storeError types an error. A connection that ctx's end broke is a timeout, or a cancellation, by whatever name.
func storeError(ctx context.Context, op string, err error) error {
	reason, _ := classify(err)
	if ctx.Err() != nil && reason == features.ReasonUnreachable {
		reason, _ = classify(ctx.Err())
	}
	return &features.StoreError{Op: op, Reason: reason, Err: err}
}
