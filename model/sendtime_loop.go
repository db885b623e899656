package model

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/nextbest/nextbest/features"
)

// What a loop of send times calls what it hands to its model.
const (
	// HourFeature is a candidate's HourOfWeek, a number. A candidate without one is not to send.
	HourFeature = "hour_of_week"
	// EvidenceFeature is what the user's sends have shown, a list of numbers: three for each hour that was tried, its
	// number among the 48, the weight of the sends and the sum of their rewards.
	EvidenceFeature = "send_times"
)

// SendTimeLoop is the estimator of a loop whose actions are send times: a SendTimes with the evidence of every user, and
// what it is worth not to send at all. Sends are learned from when their rewards are final, each compared with what
// the user's earlier ones foretold, so that nothing of it is provisional.
type SendTimeLoop struct {
	sends   *SendTimes
	users   map[string][]byte   // evidence, as UserEvidence.AppendBinary writes it
	changed map[string]struct{} // users whose evidence is another than TakeChanged has told
	none    totals              // of what it was worth not to send
}

var _ Estimator = (*SendTimeLoop)(nil)

// NewSendTimeLoop returns a SendTimeLoop that has seen nothing.
func NewSendTimeLoop(opts SendTimesOptions) *SendTimeLoop {
	return &SendTimeLoop{sends: NewSendTimes(opts), users: make(map[string][]byte), changed: make(map[string]struct{})}
}

// Observe implements Estimator: there is nothing to number.
func (l *SendTimeLoop) Observe(features.Set, []Candidate) {}

// Encode implements Estimator: what is learned from is the time of the send, not an encoded action.
func (l *SendTimeLoop) Encode(_ features.Set, action Candidate) Example {
	return Example{ActionID: action.ID}
}

// Provisional implements Estimator: nothing is.
func (l *SendTimeLoop) Provisional(*Example, float64, float64) {}

// ClearProvisional implements Estimator.
func (l *SendTimeLoop) ClearProvisional() {}

// Settle implements Estimator: sends are settled by SettleSend alone.
func (l *SendTimeLoop) Settle(*Example, float64, float64) {}

// SettleSend learns the reward of a send to a user, at a time of the user's week. user is "" where nobody knows. Calls come in the order of
// the decisions.
func (l *SendTimeLoop) SettleSend(user string, at HourOfWeek, reward float64) {
	var e UserEvidence
	if b := l.users[user]; user != "" && b != nil {
		if err := e.UnmarshalBinary(b); err != nil {
			panic(err) // Written by this process, or checked when it was read.
		}
	}
	l.sends.Update(&e, at, reward, 1)
	if user == "" {
		return
	}
	l.users[user], _ = e.AppendBinary(l.users[user][:0]) // It never fails.
	l.changed[user] = struct{}{}
}

// SettleNone learns what an event was worth in which nothing was sent.
func (l *SendTimeLoop) SettleNone(reward float64) {
	if math.Abs(reward) <= maxReward {
		l.none.add(reward, 1)
	}
}

// TakeChanged calls visit with every user whose evidence has changed since the last call, in order, and with the evidence as
// EvidenceFeature has it. Users that a restored state brings have changed.
func (l *SendTimeLoop) TakeChanged(visit func(user string, evidence []float64)) {
	for _, user := range slices.Sorted(maps.Keys(l.changed)) {
		var e UserEvidence
		if err := e.UnmarshalBinary(l.users[user]); err != nil {
			panic(err) // As above.
		}
		visit(user, e.Numbers())
	}
	clear(l.changed)
}

// Users returns of how many users there is evidence.
func (l *SendTimeLoop) Users() int { return len(l.users) }

// Capped returns how many rewards counted as less than they were.
func (l *SendTimeLoop) Capped() uint64 { return l.sends.Capped() }

// Predictor implements Estimator.
func (l *SendTimeLoop) Predictor() (Predictor, error) {
	return &sendTimeLoopPredictor{l.sends.Predictor(), l.none}, nil
}

// sendTimeLoopPredictor reads hours and evidence from what a loop hands in.
type sendTimeLoopPredictor struct {
	sends *SendTimesPredictor
	none  totals
}

// Estimate implements Predictor.
func (p *sendTimeLoopPredictor) Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	var e UserEvidence
	e.SetNumbers(context.Get(EvidenceFeature).Numbers())
	var f userForecast
	f.set(p.sends, &e)
	for i := range candidates {
		if v := candidates[i].Features.Get(HourFeature); v.Kind() == features.Number {
			dst = append(dst, f.at(HourOfWeek(v.Number())))
		} else {
			dst = append(dst, p.notSending())
		}
	}
	return dst
}

// notSending is what not to send is worth: the mean of what it was, and of one event at the default reward.
func (p *sendTimeLoopPredictor) notSending() Estimate {
	deviation, n := p.RewardDeviation(), p.none.weight+1
	return Estimate{
		Mean:     (p.sends.defaultReward + p.none.reward) / n,
		Variance: float64(deviation*deviation) / n,
		Events:   uint64(max(0, p.none.examples)),
	}
}

// Events implements Predictor.
func (p *sendTimeLoopPredictor) Events() uint64 {
	return p.sends.Events() + uint64(max(0, p.none.examples))
}

// RewardDeviation implements Predictor.
func (p *sendTimeLoopPredictor) RewardDeviation() float64 { return p.sends.RewardDeviation() }

// AppendBinary implements Predictor.
func (p *sendTimeLoopPredictor) AppendBinary(b []byte) ([]byte, error) {
	return p.sends.AppendBinary(p.none.appendBinary(b))
}

// The bytes of a SendTimeLoop: version, none, the length of the SendTimes and its bytes, the number of users and for each, in
// order, name and evidence.
const sendTimeLoopVersion = 1

// AppendBinary implements Estimator.
func (l *SendTimeLoop) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, sendTimeLoopVersion)
	b = l.none.appendBinary(b)
	sends, err := l.sends.AppendBinary(nil)
	if err != nil {
		return b, err
	}
	b = appendBytes(b, sends)
	b = binary.AppendUvarint(b, uint64(len(l.users)))
	for _, user := range slices.Sorted(maps.Keys(l.users)) {
		b = appendBytes(appendBytes(b, []byte(user)), l.users[user])
	}
	return b, nil
}

// UnmarshalBinary implements Estimator. On an error the receiver is as it was.
func (l *SendTimeLoop) UnmarshalBinary(b []byte) error {
	d := decoder{b: b}
	if v := d.uvarint(); d.err == nil && v != sendTimeLoopVersion {
		return fmt.Errorf("read a loop of send times: version %d is not %d", v, sendTimeLoopVersion)
	}
	m := NewSendTimeLoop(l.sends.opts)
	m.none = d.totals()
	sends := d.bytes()
	for range d.count(2) {
		user, evidence := string(d.bytes()), slices.Clone(d.bytes())
		if d.err == nil && new(UserEvidence).UnmarshalBinary(evidence) != nil {
			d.fail()
		}
		m.users[user], m.changed[user] = evidence, struct{}{}
	}
	if err := d.end(true); err != nil {
		return fmt.Errorf("read a loop of send times: %w", err)
	}
	if err := m.sends.UnmarshalBinary(sends); err != nil {
		return err
	}
	*l = *m
	return nil
}

// Numbers returns the evidence as EvidenceFeature has it.
func (e *UserEvidence) Numbers() []float64 {
	var numbers []float64
	for i := range e.cells {
		if c := &e.cells[i]; c.weight > 0 {
			numbers = append(numbers, float64(i), c.weight, c.reward)
		}
	}
	return numbers
}

// SetNumbers makes the evidence what a list of numbers says, as Numbers returns it. It reports false, and knows nothing of the
// user, where that is none.
func (e *UserEvidence) SetNumbers(numbers []float64) bool {
	*e = UserEvidence{}
	if len(numbers)%3 != 0 {
		return false
	}
	for ; len(numbers) > 0; numbers = numbers[3:] {
		i, c := int(numbers[0]), evidenceCell{numbers[1], numbers[2]}
		if !(numbers[0] >= 0 && numbers[0] < sendCells) || !(c.weight > 0 && c.weight <= maxWeight && math.Abs(c.reward) <= maxWeight*maxReward) {
			*e = UserEvidence{}
			return false
		}
		e.cells[i] = c
	}
	return true
}
