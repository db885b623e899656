package model

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"gonum.org/v1/gonum/integrate/quad"
)

// DefaultWidth is the share of the standard deviations that Thompson sampling draws scores with. The posterior's whole
// width over-explores where rewards are rare.
const DefaultWidth = 1. / 3

// thompson is Thompson sampling by quadrature.
type thompson struct {
	width, floor float64
	normal       *normalTable
	at, weight   [panelNodes]float64 // Gauss-Legendre on [0,1]
	scratch      *sync.Pool          // of *[]rival
}

// NewThompson returns Thompson sampling (Thompson 1933; Chapelle and Li, An empirical evaluation of Thompson sampling, NIPS
// 2011) over scores that are drawn for each action by itself from N(mean, width²·variance): an action's probability is
// that of its draw being the highest. A linear model's draws with shared weights would correlate, and have no formula.
//
// The probabilities are integrals,
//
//	P(a) = ∫ φ_a(x)·Π_{b≠a} Φ_b(x) dx,
//
// computed by Gauss-Legendre quadrature on panels that all actions share (see grid). Before the floor is mixed in, all
// of them together are within 1e-8 of their integrals for up to 10,000 actions, by trial over numbers of actions and
// deviations: the quadrature's error is below that, what is left out at either end is 1e-10, and an action that is left
// out because it cannot win has less than 1e-13. Deviations below 1e-9 of the largest among the actions that can win
// count as 0. Actions with no deviation have their mean for a draw, and share where they tie.
//
// The time is linear in the number of actions, up to a hundred times that of SquareCB; wide differences of deviations
// add panels with the logarithm of their ratio. floor is the least share that is spread evenly.
func NewThompson(width, floor float64) (Exploration, error) {
	t := &thompson{width: width, floor: floor, normal: newNormalTable()}
	quad.Legendre{}.FixedLocations(t.at[:], t.weight[:], 0, 1)
	t.scratch = &sync.Pool{New: func() any { return new([]rival) }}
	return t, errors.Join(checkScale("width", width), checkShare("floor", floor))
}

// Probabilities implements Exploration. Up to 64 actions it allocates nothing.
func (t *thompson) Probabilities(dst []float64, estimates []Estimate, _ float64, _ uint64) {
	clear(dst)
	if len(dst) <= 64 {
		var rivals [64]rival
		t.play(dst, t.rivals(rivals[:0], estimates))
	} else {
		rivals := t.scratch.Get().(*[]rival)
		*rivals = t.rivals((*rivals)[:0], estimates)
		t.play(dst, *rivals)
		t.scratch.Put(rivals)
	}
	normalise(dst)
	mix(dst, t.floor)
	settle(dst)
}

// rival is an action that can win. Scores are counted from the highest mean, in units of the largest deviation.
type rival struct {
	action      int
	mean        float64
	deviation   float64 // 0: none
	sharpness   float64 // 1/deviation
	ratio       float64 // of density and distribution, at the node
	probability float64
}

// rivals appends the actions whose draws can be the highest: the others' stay below the bar but for 2·Φ(-7.5).
func (t *thompson) rivals(rs []rival, estimates []Estimate) []rival {
	bar := math.Inf(-1)
	for i := range estimates {
		bar = max(bar, bound(&estimates[i], -normalRange*t.width))
	}
	top, unit := math.Inf(-1), 0.0
	for i := range estimates {
		e := &estimates[i]
		if bound(e, normalRange*t.width) < bar {
			continue
		}
		rs = append(rs, rival{action: i, mean: meanOf(e), deviation: clamp(t.width * deviationOf(e))})
		top, unit = max(top, meanOf(e)), max(unit, rs[len(rs)-1].deviation)
	}
	for i := range rs {
		rs[i].scale(top, unit)
	}
	return rs
}

// scale changes to the units that rival says.
func (r *rival) scale(top, unit float64) {
	const negligible = 1e-9
	r.mean -= top
	if unit == 0 {
		return
	}
	r.mean /= unit
	if r.deviation /= unit; r.deviation < negligible {
		r.deviation = 0
	}
	r.sharpness = 1 / r.deviation
}

// play writes the rivals' probabilities, whose sum is 1 but for the errors above.
func (t *thompson) play(dst []float64, rs []rival) {
	moving := partition(rs, func(r *rival) bool { return r.deviation > 0 })
	fixed, ties := math.Inf(-1), 0
	for _, r := range rs[moving:] {
		if r.mean > fixed {
			fixed, ties = r.mean, 0
		}
		if r.mean == fixed {
			ties++
		}
	}
	if ties > 0 {
		t.share(dst, rs, moving, fixed, ties)
	}
	g := newGrid(rs[:moving], fixed)
	t.integrate(rs[:moving], g)
	for _, r := range rs[:moving] {
		dst[r.action] = r.probability
	}
}

// share gives those that are fixed at the highest such mean what is left when all the others draw less.
func (t *thompson) share(dst []float64, rs []rival, moving int, fixed float64, ties int) {
	all := t.allBelow(rs[:moving], fixed)
	for _, r := range rs[moving:] {
		if r.mean == fixed {
			dst[r.action] = all / float64(ties)
		}
	}
}

// partition brings the rivals that are wanted to the front and returns their number.
func partition(rs []rival, wanted func(*rival) bool) int {
	n := 0
	for i := range rs {
		if wanted(&rs[i]) {
			rs[i], rs[n] = rs[n], rs[i]
			n++
		}
	}
	return n
}

// String implements Exploration.
func (t *thompson) String() string {
	return fmt.Sprintf("thompson(width=%g) floor %g", t.width, t.floor)
}
