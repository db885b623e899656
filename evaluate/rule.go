package evaluate

import "github.com/nextbest/nextbest/decision"

// choice is one slot of a logged decision, as rules see it.
type choice struct {
	record   *decision.Record
	slot     int
	eligible []int     // indexes into record.Actions, ascending, as the kernel had them
	logged   []float64 // the probabilities of the eligible actions
	served   int       // index into eligible
}

// rule is a policy that needs no model. It writes the probabilities of the eligible actions into dst, which has their
// length and holds zeros, and reports whether it could do what it is for.
type rule interface {
	target(dst []float64, c *choice) bool
}

type online struct{}

func (online) target(dst []float64, c *choice) bool {
	copy(dst, c.logged)
	return true
}

type uniform struct{}

func (uniform) target(dst []float64, _ *choice) bool {
	for i := range dst {
		dst[i] = 1 / float64(len(dst))
	}
	return true
}

type baseline struct{}

func (baseline) target(dst []float64, c *choice) bool {
	named := c.indexOf(c.record.Slots[c.slot].Baseline)
	dst[max(0, named)] = 1
	return true
}

type constant struct{ id string }

func (k constant) target(dst []float64, c *choice) bool {
	if i := c.indexOf(k.id); i >= 0 {
		dst[i] = 1
		return true
	}
	baseline{}.target(dst, c)
	return false
}

// indexOf returns the place of an action among the eligible, or -1. No action has the id "".
func (c *choice) indexOf(id string) int {
	for i, a := range c.eligible {
		if c.record.Actions[a].ID == id {
			return i
		}
	}
	return -1
}
