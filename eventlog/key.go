package eventlog

import (
	"hash/maphash"

	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of logv1.Record's bodies that belong to an event; loop and event id are fields 1 and 2 of each.
const (
	fieldDecision   = 2
	fieldActivation = 3
	fieldReward     = 4
)

// eventOf returns the loop and event id of a record, and false when it belongs to no event.
func eventOf(r *logv1.Record) (loop, eventID string, ok bool) {
	switch b := r.Body.(type) {
	case *logv1.Record_Decision:
		return b.Decision.GetLoop(), b.Decision.GetEventId(), true
	case *logv1.Record_Activation:
		return b.Activation.GetLoop(), b.Activation.GetEventId(), true
	case *logv1.Record_Reward:
		return b.Reward.GetLoop(), b.Reward.GetEventId(), true
	}
	return "", "", false
}

// eventIn is eventOf for a record's bytes, without decoding the rest: rebuilding the index reads the whole log. The
// results are parts of b. Bytes that are no record belong to no event.
func eventIn(b []byte) (loop, eventID []byte, ok bool) {
	for len(b) > 0 {
		n, t, w := protowire.ConsumeTag(b)
		if w < 0 {
			return nil, nil, false
		}
		b = b[w:]
		if t == protowire.BytesType && n >= fieldDecision && n <= fieldReward {
			body, w := protowire.ConsumeBytes(b)
			if w < 0 {
				return nil, nil, false
			}
			return idsIn(body)
		}
		if w = protowire.ConsumeFieldValue(n, t, b); w < 0 {
			return nil, nil, false
		}
		b = b[w:]
	}
	return nil, nil, false
}

// idsIn returns fields 1 and 2 of a body, which are written first.
func idsIn(b []byte) (loop, eventID []byte, ok bool) {
	for len(b) > 0 {
		n, t, w := protowire.ConsumeTag(b)
		if w < 0 {
			return nil, nil, false
		}
		b = b[w:]
		if w = protowire.ConsumeFieldValue(n, t, b); w < 0 {
			return nil, nil, false
		}
		if t == protowire.BytesType && n <= 2 {
			value, _ := protowire.ConsumeBytes(b)
			if n == 1 {
				loop = value
			} else {
				eventID = value
			}
		} else if n > 2 {
			break // Fields are written in the order of their numbers.
		}
		b = b[w:]
	}
	return loop, eventID, true
}

// eventKey hashes a loop and an event id. The seed is the process's own, so that callers cannot choose ids that
// collide; those that do are told apart when they are read. It is never 0, which stands for no event.
func eventKey[T string | []byte](seed maphash.Seed, loop, eventID T) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.WriteString(string(loop))
	_ = h.WriteByte(0)
	_, _ = h.WriteString(string(eventID))
	return max(1, h.Sum64())
}

// OfEvent reports whether a record's bytes are those of a decision, an activation or a reward.
func OfEvent(b []byte) bool {
	_, _, ok := eventIn(b)
	return ok
}

// DecisionIn returns the loop and event id of a decision's bytes, and false for other records.
func DecisionIn(b []byte) (loop, eventID string, ok bool) {
	if _, ok := bytesField(b, fieldDecision); !ok {
		return "", "", false
	}
	l, e, ok := eventIn(b)
	return string(l), string(e), ok
}

// Field numbers on the way to logv1.Slot.reached.
const (
	fieldSlots   = 14 // of logv1.Decision
	fieldReached = 10 // of logv1.Slot
)

// ReachesSomebody reports whether a record's bytes are those of a decision that counts as a contact. It decodes no more than
// it must: the whole log is gone through at a start.
func ReachesSomebody(b []byte) bool {
	body, ok := bytesField(b, fieldDecision)
	for found := true; ok && found; {
		var slot []byte
		if slot, body, found = nextBytes(body, fieldSlots); found && hasField(slot, fieldReached) {
			return true
		}
	}
	return false
}

// Field numbers on the way to logv1.SendWindow.per_minute.
const (
	fieldSend      = 40 // of logv1.Decision
	fieldPerMinute = 8  // of logv1.SendWindow
)

// PacesSends reports whether a record's bytes are those of a decision on a send time that takes of a limit per minute.
func PacesSends(b []byte) bool {
	body, ok := bytesField(b, fieldDecision)
	if !ok {
		return false
	}
	window, ok := bytesField(body, fieldSend)
	return ok && hasField(window, fieldPerMinute)
}

// fieldShown is logv1.Activation.event_time_unix_nanos.
const fieldShown = 3

// TellsWhen reports whether a record's bytes are those of an activation that says when something was shown or sent.
func TellsWhen(b []byte) bool {
	body, ok := bytesField(b, fieldActivation)
	return ok && hasField(body, fieldShown)
}

// bytesField returns the first field of a number that holds bytes.
func bytesField(b []byte, number protowire.Number) ([]byte, bool) {
	value, _, ok := nextBytes(b, number)
	return value, ok
}

// nextBytes returns the next field of a number that holds bytes, and what comes behind it.
func nextBytes(b []byte, number protowire.Number) (value, rest []byte, ok bool) {
	for len(b) > 0 {
		n, t, w := protowire.ConsumeTag(b)
		if w < 0 {
			return nil, nil, false
		}
		size := protowire.ConsumeFieldValue(n, t, b[w:])
		if size < 0 {
			return nil, nil, false
		}
		if n == number && t == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(b[w:])
			return value, b[w+size:], true
		}
		b = b[w+size:]
	}
	return nil, nil, false
}

func hasField(b []byte, number protowire.Number) bool {
	for len(b) > 0 {
		n, t, w := protowire.ConsumeTag(b)
		if w < 0 {
			return false
		}
		if n == number {
			return true
		}
		size := protowire.ConsumeFieldValue(n, t, b[w:])
		if size < 0 {
			return false
		}
		b = b[w+size:]
	}
	return false
}

// Field numbers on the way to a decision's user and time, and to what came without an event id.
const (
	fieldTime        = 1  // of logv1.Record
	fieldUser        = 3  // of logv1.Decision
	fieldAttribution = 11 // of logv1.Reward
	fieldTrack       = 12 // of logv1.Record
)

// UserDecision is who a decision was made for.
type UserDecision struct {
	Loop, User    []byte
	TimeUnixNanos int64
}

// UserDecisionIn returns who a decision's bytes are about, and false for other records. The results are parts of b. It
// decodes no more than it must: the whole log is gone through at a start.
func UserDecisionIn(b []byte) (UserDecision, bool) {
	body, ok := bytesField(b, fieldDecision)
	if !ok {
		return UserDecision{}, false
	}
	d := UserDecision{TimeUnixNanos: timeIn(b)}
	d.Loop, _ = bytesField(body, 1) // Fields 1 to 3 are written first.
	d.User, _ = bytesField(body, fieldUser)
	return d, true
}

func timeIn(b []byte) int64 {
	n, t, w := protowire.ConsumeTag(b)
	if w < 0 || n != fieldTime || t != protowire.VarintType {
		return 0
	}
	v, w := protowire.ConsumeVarint(b[w:])
	if w < 0 {
		return 0
	}
	return int64(v)
}

// Tracked reports whether a record's bytes are of a report that came without an event id: a reward that was attributed,
// or one that could not be.
func Tracked(b []byte) bool {
	if reward, ok := bytesField(b, fieldReward); ok {
		return hasField(reward, fieldAttribution)
	}
	_, ok := bytesField(b, fieldTrack)
	return ok
}
