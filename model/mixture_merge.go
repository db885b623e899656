package model

import (
	"bytes"
	"fmt"
	"slices"
)

// Merge adds what another Mixture learned from other examples of the same loop. Both must have the same design: options,
// features, actions, columns, and moments that numbers are standardised by, to the bit. So those who share a loop's work
// all call Observe and Encode for every decision, in the order of the log, and each Provisional and Settle, where the time
// goes, for its part of the events. Otherwise Merge returns an error that names what differs, and changes nothing: rows of
// other columns do not add, and no change of basis is exact, since each row was standardised by the moments of its time.
//
// The sums of members that do not forget become, up to rounding, what one Mixture had made of all examples, unless one of
// the two forgot them because the world had changed. One that forgets has forgotten by the number of its own settled
// examples: the merged one keeps up to twice as many of an action, until further ones have come. How much members weigh is
// by the losses that each Mixture measured, with less to predict from than one of all examples had had.
func (m *Mixture) Merge(o *Mixture) error {
	if what := m.differs(o); what != "" {
		return fmt.Errorf("merge mixtures of different designs: %s", what)
	}
	m.sync()
	o.sync()
	for i, k := range m.members {
		if err := k.merge(o.members[i]); err != nil {
			panic(err) // Sums of finite examples are never singular under a prior.
		}
	}
	m.recent.merge(&o.recent, &m.events, &o.events)
	m.events.merge(&o.events)
	m.settled.merge(o.settled)
	m.open.merge(o.open)
	m.tails.merge(&o.tails)
	m.noise.merge(&o.noise)
	m.skipped += o.skipped
	return nil
}

// differs returns what of the designs is not the same, "" when everything is.
func (m *Mixture) differs(o *Mixture) string {
	if m.opts != o.opts {
		return fmt.Sprintf("options %+v here, %+v there", m.opts, o.opts)
	}
	for i, id := range m.actions.ids {
		if i < len(o.actions.ids) && o.actions.ids[i] != id {
			return fmt.Sprintf("action %d is %q here, %q there", i+1, id, o.actions.ids[i])
		}
	}
	for _, n := range []struct {
		what        string
		here, there uint64
	}{
		{"actions", uint64(len(m.actions.ids)), uint64(len(o.actions.ids))},
		{"contexts", m.design.observed, o.design.observed},
		{"context terms", uint64(len(m.design.context)), uint64(len(o.design.context))},
		{"action terms", uint64(len(m.design.action)), uint64(len(o.design.action))},
	} {
		if n.here != n.there {
			return fmt.Sprintf("%d %s here, %d there", n.here, n.what, n.there)
		}
	}
	switch {
	case !bytes.Equal(m.context.View().AppendBinary(nil), o.context.View().AppendBinary(nil)):
		return "context features, their texts, or their first values"
	case !bytes.Equal(m.action.View().AppendBinary(nil), o.action.View().AppendBinary(nil)):
		return "action features, their texts, or their first values"
	}
	return m.design.differs(&o.design)
}

// differs returns what of two designs over the same terms is not the same.
func (d *design) differs(o *design) string {
	switch {
	case !slices.Equal(d.columns, o.columns):
		return fmt.Sprintf("columns, %d here, %d there", len(d.columns), len(o.columns))
	case !slices.Equal(d.moments[contextTerms], o.moments[contextTerms]):
		return "moments of context features"
	case !slices.Equal(d.moments[actionTerms], o.moments[actionTerms]):
		return "moments of action features"
	case !bytes.Equal(d.appendBinary(nil), o.appendBinary(nil)):
		return "priors"
	}
	return ""
}

// merge adds what the same member of another mixture learned.
func (k *member) merge(o *member) error {
	k.evidence = (k.evidence + o.evidence) * evidenceShare(&k.usual, &o.usual)
	k.change = max(k.change, o.change)
	k.usual.merge(&o.usual)
	return k.ridge.merge(&o.ridge)
}

// evidenceShare is how much of two members' evidence is left when the examples are taken as one series. With q = 0.999ⁿ
// for n examples, which their surprises tell, a discounted sum has the weight (1 − qᵏ)/(1 − evidenceKept), where
// evidenceKept is nearly 0.999ᵏ with k = 2.
func evidenceShare(a, b *noise) float64 {
	left, right := a.forgotten(), b.forgotten()
	left, right = float64(left*left), float64(right*right)
	if left == 1 && right == 1 {
		return 1
	}
	return (1 - float64(left*right)) / (1 - left + 1 - right)
}

// merge takes both series of surprises for one.
func (n *noise) merge(o *noise) {
	sum := n.weight + o.weight
	if sum == 0 {
		return
	}
	weight := (1 - float64(n.forgotten()*o.forgotten())) / (1 - noiseKept)
	*n = noise{weight: weight, squares: (n.squares + o.squares) * weight / sum}
}

// forgotten returns noiseKeptⁿ, n being the number of surprises.
func (n *noise) forgotten() float64 { return 1 - float64((1-noiseKept)*n.weight) }

// merge takes the mean of both by how many examples each is from.
func (r *recents) merge(o *recents, ours, theirs *counts) {
	if r.lent {
		r.own, r.lent = slices.Clone(r.own), false
	}
	for len(r.own) < len(o.own) {
		r.own = append(r.own, [2]float64{})
	}
	for i, v := range o.own {
		blend(&r.own[i], v, ours.of(i), theirs.of(i))
	}
	blend(&r.all, o.all, ours.sum(), theirs.sum())
}

// blend moves a to the mean of a and b, of so many examples each.
func blend(a *[2]float64, b [2]float64, ours, theirs uint64) {
	if theirs == 0 {
		return
	}
	share := float64(theirs) / float64(ours+theirs)
	for i := range a {
		a[i] += float64(share * (b[i] - a[i]))
	}
}

// sum returns the number of examples of all actions.
func (c *counts) sum() uint64 {
	n := uint64(0)
	for i := range c.own {
		n += c.of(i)
	}
	return n
}

// merge adds another's counts.
func (c *counts) merge(o *counts) {
	if c.lent {
		c.own, c.lent = slices.Clone(c.own), false
	}
	for len(c.own) < len(o.own) {
		c.own = append(c.own, 0)
	}
	for i, n := range o.own {
		c.own[i] += n
	}
}
