package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/guardrail"
)

var _ decision.ContactSource = (*Store)(nil)

// Bounds of a user's contacts.
const (
	ContactsKept     = 90 * 24 * time.Hour // the longest window of a cap
	maxContacts      = 10_000              // of one user, holds included: the oldest beyond are forgotten
	contactsRead     = 1000                // the newest
	settleQueue      = 1 << 14             // settlements that wait; what has no room leaves its hold, which counts
	settleBatch      = 256
	maxMember        = 4 << 10 // bytes of a contact; longer ones are not ours
	settlePatience   = 2 * time.Second
	suppressionsRead = 1000
)

// ContactsKey and SuppressionsKey return the keys of a user's contacts and of the channels that must not be used.
func ContactsKey(user string) string     { return "nb:c:{" + user + "}" }
func SuppressionsKey(user string) string { return "nb:s:{" + user + "}" }

// holdSource returns a user's newest contacts with their times, and the suppressions, and then puts a hold among the contacts,
// if it is not there yet. KEYS: contacts, suppressions. ARGV: hold, time, oldest time to keep, kept in ms, most to keep,
// most to return, most suppressions.
const holdSource = `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
local recent = redis.call('ZREVRANGE', KEYS[1], 0, ARGV[6] - 1, 'WITHSCORES')
if redis.call('SCARD', KEYS[2]) > tonumber(ARGV[7]) then return redis.error_reply('TOOLARGE too many suppressions') end
local suppressed = redis.call('SMEMBERS', KEYS[2])
redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -(ARGV[5] + 1))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {recent, suppressed}
`

var holdScript = redis.NewScript(holdSource) // for its hash

// FetchHolding implements decision.ContactSource.
func (s *Store) FetchHolding(ctx context.Context, user string, names []string, h decision.Hold) (decision.UserState, error) {
	if err := check(ctx, "fetch", user); err != nil {
		return decision.UserState{}, err
	}
	key := Key(user)
	r := &read{ctx: ctx, key: key}
	script := s.holding(ctx, user, h, "evalsha", holdScript.Hash())
	var fields *redis.SliceCmd
	if r.cmd = script; len(names) > 0 {
		fields = hmget(ctx, key, names)
		r.cmd, r.also = fields, script
	}
	if err := s.lane(key).do(r); err != nil {
		s.takeBack(user, h, err)
		return decision.UserState{}, storeError(ctx, "fetch", err)
	}
	var state decision.UserState
	if fields != nil {
		if err := fields.Err(); err != nil {
			state.FeaturesErr = storeError(ctx, "fetch", err)
		} else {
			state.Features = decode(fields.Val())
		}
	}
	if redis.HasErrorPrefix(script.Err(), "NOSCRIPT") { // Redis has forgotten it: this one call takes two round trips.
		script = s.holding(ctx, user, h, "eval", holdSource)
		_ = s.client.Process(ctx, script) // its error is looked at below
	}
	var err error
	if state.Contacts, err = contactsIn(script); err != nil {
		s.takeBack(user, h, err)
		s.stats.contacts.Add(1)
		s.options.Logger.Debug("contacts cannot be read", "error", err)
		state.Contacts = guardrail.UserContacts{}
	}
	return state, nil
}

// takeBack takes a hold away that Redis may put there after the caller has given up, and has settled. Where nothing was sent
// there is none.
func (s *Store) takeBack(user string, h decision.Hold, cause error) {
	switch reason, _ := classify(cause); reason {
	case features.ReasonTimeout, features.ReasonCanceled, features.ReasonUnreachable:
		time.AfterFunc(4*s.options.Timeout, func() { s.Settle(user, h, nil) })
	}
}

func (s *Store) holding(ctx context.Context, user string, h decision.Hold, command, script string) *redis.Cmd {
	kept := ContactsKept.Milliseconds()
	return redis.NewCmd(ctx, command, script, 2, ContactsKey(user), SuppressionsKey(user),
		holdMember(h), h.UnixMillis, h.UnixMillis-kept, kept, maxContacts, contactsRead, suppressionsRead)
}

// holdMember and contactMember are what the sorted set of a user's contacts holds; the score is the time in unix ms.
func holdMember(h decision.Hold) string { return member("hold", h.Event, h.Loop) }

func contactMember(c *guardrail.Contact) string {
	return member(append([]string{"contact", c.Event, c.Loop, c.Action, c.Channel}, c.Tags...)...)
}

func member(parts ...string) string {
	b, err := json.Marshal(parts)
	if err != nil {
		panic(err) // Texts have JSON.
	}
	return string(b)
}

// parseMember reads a member of a user's contacts.
func parseMember(text, score string) (c guardrail.Contact, err error) {
	var parts []string
	if len(text) > maxMember {
		return c, fmt.Errorf("a contact of %d bytes", len(text))
	}
	if err := json.Unmarshal([]byte(text), &parts); err != nil {
		return c, fmt.Errorf("a contact that is not one: %w", err)
	}
	ms, err := strconv.ParseFloat(score, 64)
	if err != nil {
		return c, fmt.Errorf("a contact at %q", score)
	}
	c.At = time.UnixMilli(int64(ms)).UTC()
	switch {
	case len(parts) == 3 && parts[0] == "hold":
		c.Event, c.Loop, c.Held = parts[1], parts[2], true
	case len(parts) >= 5 && parts[0] == "contact":
		c.Event, c.Loop, c.Action, c.Channel = parts[1], parts[2], parts[3], parts[4]
		if len(parts) > 5 {
			c.Tags = parts[5:]
		}
	default:
		return c, errors.New("a contact that is neither a hold nor one")
	}
	return c, nil
}

// contactsIn reads the script's answer. A damaged one is no answer.
func contactsIn(cmd *redis.Cmd) (guardrail.UserContacts, error) {
	answer, err := cmd.Slice()
	if err != nil {
		return guardrail.UserContacts{}, err
	}
	if len(answer) != 2 {
		return guardrail.UserContacts{}, errors.New("not what the script answers")
	}
	recent, err := texts(answer[0])
	if err != nil {
		return guardrail.UserContacts{}, err
	}
	all := guardrail.UserContacts{Known: true}
	if all.Suppressed, err = texts(answer[1]); err != nil {
		return guardrail.UserContacts{}, err
	}
	slices.Sort(all.Suppressed)
	for i := 0; i+1 < len(recent); i += 2 {
		c, err := parseMember(recent[i], recent[i+1])
		if err != nil {
			return guardrail.UserContacts{}, err
		}
		all.Recent = append(all.Recent, c)
	}
	all.Truncated = len(all.Recent) >= contactsRead
	return all, nil
}

func texts(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("not what the script answers")
	}
	out := make([]string, len(list))
	for i := range list {
		if out[i], ok = list[i].(string); !ok {
			return nil, errors.New("not what the script answers")
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// settlement is what is to become of a hold.
type settlement struct {
	user    string
	hold    decision.Hold
	reached []guardrail.Contact
}

// Settle implements decision.ContactSource.
func (s *Store) Settle(user string, h decision.Hold, reached []guardrail.Contact) {
	select {
	case s.settlements <- settlement{user, h, reached}:
	default:
		s.stats.unsettled.Add(1)
	}
}

// settle does what Settle has asked for, many at once, until the store is closed; then the rest, as long as Redis answers.
func (s *Store) settle() {
	batch := make([]settlement, 0, settleBatch)
	for {
		closing := false
		batch = batch[:0]
		select {
		case x := <-s.settlements:
			batch = append(batch, x)
		case <-s.ctx.Done():
			closing = true
		}
		batch = s.waiting(batch)
		if len(batch) == 0 {
			return // There is always one, unless the store is closed.
		}
		if !s.settleAll(batch) && (closing || s.ctx.Err() != nil) {
			s.stats.unsettled.Add(uint64(len(s.settlements)))
			return
		}
	}
}

// waiting adds what waits to be settled to a batch, as far as there is room.
func (s *Store) waiting(batch []settlement) []settlement {
	for len(batch) < settleBatch {
		select {
		case x := <-s.settlements:
			batch = append(batch, x)
		default:
			return batch
		}
	}
	return batch
}

// settleAll settles a batch in one round trip, and reports whether Redis has answered.
func (s *Store) settleAll(batch []settlement) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), settlePatience)
	defer cancel()
	pipe := s.client.Pipeline()
	for i := range batch {
		x := &batch[i]
		key := ContactsKey(x.user)
		for k := range x.reached {
			c := &x.reached[k]
			pipe.ZAdd(ctx, key, redis.Z{Score: float64(c.At.UnixMilli()), Member: contactMember(c)})
		}
		pipe.ZRem(ctx, key, holdMember(x.hold)) // after the contact is there: in between, both count
		if len(x.reached) > 0 {
			pipe.PExpire(ctx, key, ContactsKept)
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		s.stats.unsettled.Add(uint64(len(batch)))
		s.options.Logger.Debug("holds of contacts are not settled, and count", "holds", len(batch), "error", err)
		return false
	}
	return true
}

// Restore puts contacts that were logged where they belong. What is there already stays.
func (s *Store) Restore(ctx context.Context, user string, contacts []guardrail.Contact) error {
	return s.run(ctx, "restore contacts", user, func(string) error {
		key := ContactsKey(user)
		pipe := s.client.Pipeline()
		for i := range contacts {
			pipe.ZAdd(ctx, key, redis.Z{Score: float64(contacts[i].At.UnixMilli()), Member: contactMember(&contacts[i])})
		}
		pipe.PExpire(ctx, key, ContactsKept)
		_, err := pipe.Exec(ctx)
		return err
	})
}

// SetSuppressed makes the channels those that must not be used for a user.
func (s *Store) SetSuppressed(ctx context.Context, user string, channels []string) error {
	return s.run(ctx, "suppress", user, func(string) error {
		key := SuppressionsKey(user)
		pipe := s.client.TxPipeline()
		pipe.Del(ctx, key)
		if len(channels) > 0 {
			pipe.SAdd(ctx, key, channels)
		}
		_, err := pipe.Exec(ctx)
		return err
	})
}

// Suppressed returns the channels that must not be used for a user, ordered.
func (s *Store) Suppressed(ctx context.Context, user string) ([]string, error) {
	var channels []string
	err := s.run(ctx, "suppressions", user, func(string) (err error) {
		channels, err = s.client.SMembers(ctx, SuppressionsKey(user)).Result()
		return err
	})
	slices.Sort(channels)
	return channels, err
}
