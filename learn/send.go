package learn

import (
	"slices"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/model"
)

// send is what an event on a send time is learned from: to whom, and when.
type send struct {
	user    string
	at      int64                 // unix nanoseconds; of the send, as decided or as the activation says
	none    bool                  // nothing is sent
	told    bool                  // an activation has said when
	offsets []decision.ZoneOffset // of the user's time zone
}

// newSend returns what there is to a decision on a send time.
func newSend(r *decision.Record) send {
	s := send{user: r.UserID, offsets: r.Send.Offsets, none: true}
	if at, sends := r.SendAt(); sends {
		s.at, s.none = at.UnixNano(), false
	}
	return s
}

// share has the send use the offsets of another one, if they are the same: those of a campaign's users are few.
func (s *send) share(with *[]decision.ZoneOffset) {
	if slices.Equal(s.offsets, *with) {
		s.offsets = *with
	} else {
		*with = s.offsets
	}
}

// hour returns the send's time by the clock on the user's wall.
func (s *send) hour() model.HourOfWeek {
	w := decision.SendWindow{Offsets: s.offsets}
	return w.HourOfWeek(timeOf(s.at))
}

// earliestSend is how long before its decision a send may have been, by a clock that is slow. The server refuses others where it knows the
// decision; an activation that comes first it cannot check.
const earliestSend = 10 * time.Minute

// moved notes when the send really was, as the first activation that says so has it: what is learned from is what happened. It reports whether it
// was told so.
func (e *event) moved(at int64) bool {
	if at == 0 || e.send == nil || e.send.none || e.send.told || at < e.opened-int64(earliestSend) {
		return false
	}
	e.send.at, e.send.told = at, true
	return true
}

// settleSend makes an event on a send time part of the model.
func (l *loopFold) settleSend(e *event) {
	m, ok := l.estimator.(*model.SendTimeLoop)
	if !ok || len(e.slots) == 0 {
		return // It was decided under a file by which the loop was one of send times; it is no more.
	}
	worth, _ := l.spec().worth(e.rewards, 0)
	if e.send.none {
		m.SettleNone(worth)
	} else {
		m.SettleSend(e.send.user, e.send.hour(), worth)
	}
}

func (s *send) encode(to *encoder) {
	to.flags(s != nil)
	if s == nil {
		return
	}
	to.string(s.user)
	to.varint(s.at)
	to.flags(s.none, s.told)
	to.uvarint(uint64(len(s.offsets)))
	for _, o := range s.offsets {
		to.varint(o.From)
		to.varint(int64(o.Seconds))
	}
}

func decodeSend(d *decoder) *send {
	var is bool
	if d.flags(&is); !is {
		return nil
	}
	s := &send{user: d.string(), at: d.varint()}
	d.flags(&s.none, &s.told)
	for range d.count(2) {
		s.offsets = append(s.offsets, decision.ZoneOffset{From: d.varint(), Seconds: int(d.varint())})
	}
	if len(s.offsets) == 0 {
		d.fail()
	}
	return s
}
