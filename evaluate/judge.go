package evaluate

import (
	"cmp"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/ope"
)

// judged is a decision with what each candidate would have done, until it is known what it was worth.
type judged struct {
	position eventlog.Position
	time     int64
	unit     uint64
	snapshot uint64
	slots    []judgedSlot
}

type judgedSlot struct {
	action     int32
	propensity float64
	qLogged    float64
	by         []placing // one per candidate
}

// placing is what one candidate would have done in one slot: its probabilities there, and what follows from them.
type placing struct{ target, qTarget, unsupported, expectedSquare float64 }

// judge asks the candidates about decisions.
type judge struct {
	rules    []rule     // one per candidate
	learners []*learner // the first is that of the newest file
	counts   *Counts
	numbers  numbering

	choice choice
	order  []decision.Ranked
	dst    []float64
}

// see prepares for the slots of a decision, and reports whether every model has a snapshot for it.
func (j *judge) see(d *decision.Record) bool {
	for _, l := range j.learners {
		if !l.see(d) {
			return false
		}
	}
	return true
}

// decision judges a decision that was seen.
func (j *judge) decision(pos eventlog.Position, d *decision.Record) *judged {
	out := &judged{position: pos, time: d.Time.UnixNano(), unit: unitOf(d), snapshot: learn.SnapshotNumber(d.SnapshotID),
		slots: make([]judgedSlot, len(d.Choices))}
	placings := make([]placing, len(d.Choices)*len(j.rules))
	for i := range d.Choices {
		s := &out.slots[i]
		s.by, placings = placings[:len(j.rules):len(j.rules)], placings[len(j.rules):]
		for _, by := range j.learners {
			by.slot(d, i)
		}
		j.set(d, i)
		j.slot(s)
	}
	return out
}

// unitOf hashes the user. Decisions for nobody are each a unit of their own.
func unitOf(d *decision.Record) uint64 {
	if d.UserID == "" {
		return xxhash.Sum64String("\x00" + d.EventID)
	}
	return xxhash.Sum64String(d.UserID)
}

// set looks at one slot as the kernel did: the eligible actions in the order of the candidates.
func (j *judge) set(d *decision.Record, slot int) {
	ranking := d.Choices[slot].Ranking
	j.order = append(j.order[:0], ranking...)
	slices.SortFunc(j.order, func(a, b decision.Ranked) int { return cmp.Compare(a.Action, b.Action) })
	c := &j.choice
	c.record, c.slot, c.eligible, c.logged = d, slot, c.eligible[:0], c.logged[:0]
	for i, r := range j.order {
		c.eligible = append(c.eligible, r.Action)
		c.logged = append(c.logged, r.Probability)
		if r.Action == ranking[0].Action {
			c.served = i
		}
	}
}

// slot asks every candidate about the slot that was set.
func (j *judge) slot(s *judgedSlot) {
	c := &j.choice
	served := c.eligible[c.served]
	s.action = j.numbers.of(c.record.Actions[served].ID)
	s.propensity = c.logged[c.served]
	s.qLogged = j.learners[0].estimates[served].Mean
	for k, r := range j.rules {
		j.dst = slices.Grow(j.dst[:0], len(c.eligible))[:len(c.eligible)]
		clear(j.dst)
		if !r.target(j.dst, c) {
			j.counts.Candidates[k].StoodIn++
		}
		s.by[k] = j.placing()
	}
}

// placing sums up the target in j.dst.
func (j *judge) placing() (p placing) {
	c := &j.choice
	p.target = j.dst[c.served]
	for i, target := range j.dst {
		p.qTarget += target * j.learners[0].estimates[c.eligible[i]].Mean
		if c.logged[i] == 0 {
			p.unsupported += target
		} else {
			p.expectedSquare += target * (target / c.logged[i])
		}
	}
	return p
}

// row returns the samples of a slot that turned out to be worth a reward.
func (d *judged) row(slot int, reward float64) Row {
	s := &d.slots[slot]
	r := Row{Decision: d.position, Time: time.Unix(0, d.time).UTC(), Slot: slot, Snapshot: d.snapshot, Samples: make([]ope.Sample, len(s.by))}
	for k, p := range s.by {
		r.Samples[k] = ope.Sample{
			Action: int(s.action), Reward: reward, Propensity: s.propensity, Target: p.target,
			QLogged: s.qLogged, QTarget: p.qTarget, Unsupported: p.unsupported, ExpectedSquare: p.expectedSquare,
			Position: slot, Kept: 1, Unit: d.unit,
		}
	}
	return r
}

// maxActions bounds the actions that have a number of their own; the rest share the last.
const maxActions = 1 << 16

// numbering numbers actions in the order in which they were first served.
type numbering struct {
	byID map[string]int32
	ids  []string
}

func (n *numbering) of(id string) int32 {
	if i, ok := n.byID[id]; ok {
		return i
	}
	if len(n.ids) == maxActions {
		return maxActions
	}
	if n.byID == nil {
		n.byID = make(map[string]int32)
	}
	i := int32(len(n.ids))
	n.byID[id], n.ids = i, append(n.ids, id)
	return i
}
