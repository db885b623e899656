package decision

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/features"
)

// Fingerprint hashes what a request asks for: two requests with one event id are the same event exactly when their
// fingerprints agree. It covers everything but the event id, and does not depend on the order of named features.
func Fingerprint(r *Request) uint64 {
	var f fingerprint
	f.digest.Reset()
	f.text(r.Loop)
	f.text(r.UserID)
	f.set(r.Context)
	f.count(len(r.Actions))
	for i := range r.Actions {
		f.text(r.Actions[i].ID)
		f.set(r.Actions[i].Features)
	}
	f.texts(r.Excluded)
	f.flag(r.Deferred)
	f.count(len(r.Slots))
	for i := range r.Slots {
		f.text(r.Slots[i].ID)
		f.texts(r.Slots[i].Excluded)
		f.text(r.Slots[i].Baseline)
	}
	if r.Send != nil {
		f.send(r.Send)
	}
	return f.digest.Sum64()
}

func (f *fingerprint) send(s *SendRequest) {
	f.text("send") // No other request has more after its slots.
	f.moment(s.Earliest)
	f.moment(s.Latest)
	f.text(s.TimeZone)
	f.uint(uint64(s.Granularity))
	f.text(s.Campaign)
	f.uint(uint64(s.PerMinute))
}

func (f *fingerprint) moment(t time.Time) {
	if t.IsZero() {
		f.count(0)
		return
	}
	f.uint(uint64(t.UnixNano()))
}

// fingerprint writes each part with its length first, so that no two requests run together into the same bytes.
type fingerprint struct {
	digest xxhash.Digest
	word   [8]byte
}

func (f *fingerprint) uint(x uint64) {
	binary.LittleEndian.PutUint64(f.word[:], x)
	_, _ = f.digest.Write(f.word[:]) // A hash never fails to write.
}

func (f *fingerprint) count(n int) { f.uint(uint64(n)) }

func (f *fingerprint) number(x float64) { f.uint(math.Float64bits(x)) }

func (f *fingerprint) text(s string) {
	f.count(len(s))
	_, _ = f.digest.WriteString(s)
}

func (f *fingerprint) texts(ss []string) {
	f.count(len(ss))
	for _, s := range ss {
		f.text(s)
	}
}

func (f *fingerprint) flag(b bool) {
	if b {
		f.uint(1)
	} else {
		f.uint(0)
	}
}

func (f *fingerprint) set(s features.Set) {
	f.count(len(s))
	for i := range s {
		f.text(s[i].Name)
		f.value(s[i].Value)
	}
}

func (f *fingerprint) value(v features.Value) {
	f.uint(uint64(v.Kind()))
	f.number(v.Number())
	f.text(v.Text())
	f.count(len(v.Numbers()))
	for _, x := range v.Numbers() {
		f.number(x)
	}
	f.texts(v.Texts())
}
