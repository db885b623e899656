package model

// gradientState is one set of weights with what its steps are scaled by.
type gradientState struct {
	weights table
	moments moments
	totals  // of the examples, whose targets are rewards less the default reward
	// Further sums over them, weighted, with e the errors before each step:
	errors float64 // Σ e²
	norm   float64 // Σ‖x‖²
	// How the averages would have done against the newest weights, over the last examples; see trust.
	gain, gap float64
}

// trust is the share of the averaged weights in a prediction, of the newest ones being the rest: what would have been
// best lately. With p and q the predictions of both and r the target, the least squares of r − p − trust·(q − p) give
// Σ (r − p)(q − p) / Σ (q − p)². A world that stands still leads to the averages, one that moves to the newest weights.
func (s *gradientState) trust() float64 {
	if !(s.gap > 0) {
		return 1
	}
	return min(max(s.gain/s.gap, 0), 1)
}

// recently is by what the sums of trust shrink with every example: they are over the last 500.
const recently = 1 - 1.0/500

// judge adds an example to the sums of trust.
func (s *gradientState) judge(newest, averaged, reward, weight float64) {
	d := averaged - newest
	s.gain = float64(s.gain*recently) + float64(float64(weight*d)*(reward-newest))
	s.gap = float64(s.gap*recently) + float64(float64(weight*d)*d)
}

// share returns a copy for others to read. Both leave the common pages alone from now on.
func (s *gradientState) share(newEpoch func() uint64) gradientState {
	s.weights.lend(newEpoch())
	s.moments.lent = true
	return *s
}

// fork returns a copy that goes its own way.
func (s *gradientState) fork(newEpoch func() uint64) *gradientState {
	c := s.share(newEpoch)
	c.weights.epoch = newEpoch()
	return &c
}

// variance returns that of the targets and one more of 0, so that the first reward has a scale. It is 0 while all
// targets are.
func (s *gradientState) variance() float64 {
	n := s.weight + 1
	if !(n > 0) {
		return 0
	}
	mean := s.reward / n
	return max(0, s.squares/n-float64(mean*mean))
}

// residual returns the variance of what is left of the targets, at most their own.
func (s *gradientState) residual() float64 {
	if !(s.weight > 0) {
		return 0
	}
	return min(max(0, s.errors/s.weight), s.variance())
}

// table is an array of cells in pages. A page is written in place by the table whose epoch it has, and copied by any
// other: tables that share pages have different epochs.
type table struct {
	pages []*page
	epoch uint64
	lent  bool // pages, the slice, is in others' hands: copy before writing
	shift uint // from a hash to an index
}

// pageBits makes pages of 64 cells: an example writes to a hundred places at random, and each costs a page after a
// publication.
const (
	pageBits = 6
	pageSize = 1 << pageBits
)

// page is 1.5 KiB of cells.
type page struct {
	epoch uint64
	cells [pageSize]cell
}

// cell is a weight and what its steps are divided by.
type cell struct {
	w float64 // the newest
	a float64 // its average
	g float64 // Σ (e·x)² over the rewards' variance: about the number of examples that had the term
}

// newTable returns 2^bits zero cells, which share a page.
func newTable(bits int, epoch uint64) table {
	t := table{pages: make([]*page, 1<<(bits-pageBits)), epoch: epoch, shift: uint(64 - bits)}
	zero := &page{}
	for i := range t.pages {
		t.pages[i] = zero
	}
	return t
}

// at returns the cell of a hash, to be read.
func (t *table) at(hash uint64) *cell {
	i := hash >> t.shift
	return &t.pages[i>>pageBits].cells[i%pageSize]
}

// edit returns the cell of a hash, to be written until the table is next lent.
func (t *table) edit(hash uint64) *cell {
	i := hash >> t.shift
	p := t.pages[i>>pageBits]
	if p.epoch != t.epoch {
		p = t.own(int(i >> pageBits))
	}
	return &p.cells[i%pageSize]
}

// own replaces a page by a copy to write to.
func (t *table) own(i int) *page {
	if t.lent {
		t.pages, t.lent = append([]*page(nil), t.pages...), false
	}
	p := &page{epoch: t.epoch, cells: t.pages[i].cells}
	t.pages[i] = p
	return p
}

// lend makes everything in the table shared; what is written from now on has the new epoch.
func (t *table) lend(epoch uint64) { t.lent, t.epoch = true, epoch }
