package model

import (
	"math"
	"slices"

	"github.com/nextbest/nextbest/features"
)

// Siblings estimates the mean reward of actions that are told apart by texts and come in sets that are offered together, as the
// variants of a test do, in loops without context. Sets differ in what they are worth more than actions within one, so each
// action is pooled with those it is offered with, and what is learned from set to set is how much actions differ within one,
// and what words in common have done. With m the mean of an action's set, x its texts less their mean in the set:
//
//	reward of the action   m·(1 + x·w + δ),  δ ~ N(0, τ²),  w ~ N(0, ω²)
//
// τ² is estimated from the sets so far by the method of moments (Searle, Casella and McCulloch, Variance components, section
// 3.6). Whether words mean anything at all is decided by the evidence: x·w counts by the posterior probability of a model with a
// fixed ω against one without. Estimates are posteriors of a Beta prior of mean m·(1 + x·w) and of the
// strength (1−m)/(m·τ²).
//
// That goes for rewards of 0 and 1. With others it is an Arms, whatever the texts.
//
// It is an Estimator: for a single writer.
type Siblings struct {
	arms  Arms
	words numbering
	sets  int32
	kin   []kin // by number of the action less 1
}

// kin is the set that an action was first offered in, and its texts by their numbers, ascending.
type kin struct {
	set   int32
	words []int32
}

// maxSiblingWords bounds the texts that are told apart.
const maxSiblingWords = 1 << 15

var _ Estimator = (*Siblings)(nil)

// NewSiblings returns a Siblings that has seen nothing.
func NewSiblings(opts ArmsOptions) *Siblings { return &Siblings{arms: *NewArms(opts)} }

// Observe implements Estimator. Actions that are offered together for the first time are a set.
func (s *Siblings) Observe(context features.Set, actions []Candidate) {
	before := len(s.arms.arms.ids)
	s.arms.Observe(context, actions)
	if len(s.arms.arms.ids) == before {
		return
	}
	s.kin = append(s.kin, make([]kin, len(s.arms.arms.ids)-before)...)
	for i := range actions {
		if n := s.arms.arms.of(actions[i].ID); n > before {
			s.kin[n-1] = kin{s.sets, s.textsOf(actions[i].Features)}
		}
	}
	s.sets++
}

// textsOf returns the numbers of an action's texts: of categories and tags, each with its feature's name.
func (s *Siblings) textsOf(set features.Set) []int32 {
	var numbers []int32
	add := func(name, text string) {
		id := name + "\x00" + text
		s.words.add(id, maxSiblingWords)
		if n := int32(s.words.of(id)); n > 0 {
			numbers = append(numbers, n)
		}
	}
	for i := range set {
		switch v := set[i].Value; v.Kind() {
		case features.Text:
			add(set[i].Name, v.Text())
		case features.Texts:
			for _, text := range v.Texts() {
				add(set[i].Name, text)
			}
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// Encode implements Estimator.
func (s *Siblings) Encode(context features.Set, action Candidate) Example {
	return s.arms.Encode(context, action)
}

// Provisional implements Estimator.
func (s *Siblings) Provisional(x *Example, reward, weight float64) {
	s.arms.Provisional(x, reward, weight)
}

// ClearProvisional implements Estimator.
func (s *Siblings) ClearProvisional() { s.arms.ClearProvisional() }

// Settle implements Estimator.
func (s *Siblings) Settle(x *Example, reward, weight float64) { s.arms.Settle(x, reward, weight) }

// Skipped and Capped are those of Arms.
func (s *Siblings) Skipped() uint64 { return s.arms.Skipped() }

// Capped returns how many settled rewards counted as less than they were.
func (s *Siblings) Capped() uint64 { return s.arms.Capped() }

// Predictor implements Estimator. It solves a system of the newest maxSiblingRows actions.
func (s *Siblings) Predictor() (Predictor, error) {
	p := &siblingsPredictor{armsPredictor: s.arms.predictor(), words: s.words, kin: s.kin[:len(s.kin):len(s.kin)]}
	s.arms.arms.lent, s.words.lent = true, true
	p.fit(int(s.sets))
	return p, nil
}

// siblingsPredictor is a state of a Siblings.
type siblingsPredictor struct {
	*armsPredictor
	words  numbering
	kin    []kin
	spread float64   // τ²
	said   float64   // the probability that words mean something
	weight []float64 // of each word, by number; nil where they mean nothing
}

const (
	// defaultSpread is τ² before there are sets to tell: actions differ by about a third of their set's mean.
	defaultSpread  = 0.1
	leastSpread    = 0.005
	enoughSets     = 4
	enoughRewards  = 3   // of a set, for it to say how actions differ
	maxSiblingRows = 128 // the newest actions: solving costs their cube
	// wordShare is how much of τ² words would explain together, were they to mean anything, of texts of wordCount words.
	wordShare = 0.3
	wordCount = 10
	// wordsBefore is the probability, before any set has shown it, that words mean something from set to set.
	wordsBefore = 0.1
)

// group is a set of actions by their numbers, with their sums.
type group struct {
	members         []int
	weight, rewards float64
}

func (p *siblingsPredictor) groups(sets int) []group {
	all := make([]group, sets)
	for n := 1; n < len(p.cells) && n <= len(p.kin); n++ {
		if c := &p.cells[n]; c.weight > 0 {
			g := &all[p.kin[n-1].set]
			g.members = append(g.members, n)
			g.weight += c.weight
			g.rewards += c.reward
		}
	}
	return slices.DeleteFunc(all, func(g group) bool { return g.rewards < enoughRewards || len(g.members) < 2 })
}

// fit estimates what goes from set to set.
func (p *siblingsPredictor) fit(sets int) {
	groups := p.groups(sets)
	p.spread = spreadOf(p.cells, groups)
	if len(groups) >= enoughSets {
		p.learnWords(groups)
	}
}

// spreadOf returns τ², by the method of moments on relative deviations from the sets' means.
func spreadOf(cells []armCell, groups []group) float64 {
	if len(groups) < enoughSets {
		return defaultSpread
	}
	between, total := 0.0, 0.0
	for _, g := range groups {
		m := g.rewards / g.weight
		for _, n := range g.members {
			c := &cells[n]
			share := 1 - c.weight/g.weight
			d := (c.reward/c.weight - m) / m
			between += float64(c.weight * (float64(d*d) - float64((1-m)/m/c.weight*share)))
			total += float64(c.weight * share)
		}
	}
	if !(total > 0) {
		return defaultSpread
	}
	return max(between/total, leastSpread)
}

// siblingRow is an action as words see it: how far it is from its set's mean, relative, with what variance apart from words.
type siblingRow struct {
	set      int             // by its place
	x        []features.Term // by word, ascending
	y, noise float64
}

// rows returns the newest actions of the groups.
func (p *siblingsPredictor) rows(groups []group) []siblingRow {
	var rows []siblingRow
	for i := len(groups) - 1; i >= 0; i-- {
		g := &groups[i]
		if len(rows)+len(g.members) > maxSiblingRows {
			break
		}
		m, mean := g.rewards/g.weight, p.meanOf(g)
		for _, t := range p.textsIn(g) {
			rows = append(rows, siblingRow{
				set: i, x: less(t.words, mean), y: (t.sums.reward/t.sums.weight - m) / m, noise: (1-m)/m/t.sums.weight + float64(p.spread*(1-wordShare)),
			})
		}
	}
	return rows
}

// text is what actions of a group that have the same words come to together: that they are alike says nothing of other sets.
type text struct {
	words []int32
	sums  armCell
}

func (p *siblingsPredictor) textsIn(g *group) []text {
	var all []text
	for _, n := range g.members {
		words := p.kin[n-1].words
		i := slices.IndexFunc(all, func(t text) bool { return slices.Equal(t.words, words) })
		if i < 0 {
			i = len(all)
			all = append(all, text{words: words})
		}
		all[i].sums.add(p.cells[n])
	}
	return all
}

// meanOf returns how often a group's actions have each word, ascending by word.
func (p *siblingsPredictor) meanOf(g *group) []features.Term {
	var words []int32
	for _, n := range g.members {
		words = append(words, p.kin[n-1].words...)
	}
	slices.Sort(words)
	words = slices.Compact(words)
	mean := make([]features.Term, len(words))
	for i, w := range words {
		mean[i].Index = w
		for _, n := range g.members {
			if _, has := slices.BinarySearch(p.kin[n-1].words, w); has {
				mean[i].Value += p.cells[n].weight / g.weight
			}
		}
	}
	return mean
}

// less returns words, each 1, less their mean, which has them all.
func less(words []int32, mean []features.Term) []features.Term {
	x := slices.Clone(mean)
	for i := range x {
		x[i].Value = -x[i].Value
		if _, has := slices.BinarySearch(words, x[i].Index); has {
			x[i].Value++
		}
	}
	return x
}

// inner returns the inner product of two sparse vectors.
func inner(a, b []features.Term) (sum float64) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].Index < b[j].Index:
			i++
		case a[i].Index > b[j].Index:
			j++
		default:
			sum += float64(a[i].Value * b[j].Value)
			i, j = i+1, j+1
		}
	}
	return sum
}

// learnWords solves for the words' weights in the dual, and weighs them by what they foretell of sets that they were not
// learned from: words that a set's own actions share tell them apart, and nothing of other sets.
func (p *siblingsPredictor) learnWords(groups []group) {
	rows := p.rows(groups)
	n := len(rows)
	if n == 0 {
		return
	}
	variance := p.spread * wordShare / wordCount // ω²
	inverse, y := make([]float64, triangle(n)), make([]float64, n)
	for i := range rows {
		y[i] = rows[i].y
		for j := range i {
			inverse[triangle(i)+j] = float64(variance * inner(rows[i].x, rows[j].x))
		}
		inverse[triangle(i)+i] = float64(variance*inner(rows[i].x, rows[i].x)) + rows[i].noise
	}
	if !choleskyInverse(inverse, n) {
		return
	}
	a := make([]float64, n) // K⁻¹y
	for i := range a {
		for j := range a {
			a[i] += float64(inverse[triangle(max(i, j))+min(i, j)] * y[j])
		}
	}
	p.said = foretoldSets(rows, inverse, a, p.spread*wordShare)
	p.weight = make([]float64, len(p.words.ids)+1)
	for i := range rows {
		for _, t := range rows[i].x {
			p.weight[t.Index] += float64(variance * float64(t.Value*a[i]))
		}
	}
}

// foretoldSets returns the probability of words against chance by how well each set is foretold from the
// others. Without the rows S, those are expected at y_S − (K⁻¹_SS)⁻¹(K⁻¹y)_S (Rasmussen and Williams, Gaussian processes for machine
// learning, section 5.4.2). more is the variance that words explain where they mean something.
func foretoldSets(rows []siblingRow, inverse, a []float64, more float64) float64 {
	gain := 0.0
	for from, to := 0, 0; from < len(rows); from = to {
		for to = from; to < len(rows) && rows[to].set == rows[from].set; to++ {
		}
		size := to - from
		block, rest := make([]float64, triangle(size)), slices.Clone(a[from:to])
		for i := range size {
			for j := range i + 1 {
				block[triangle(i)+j] = inverse[triangle(from+i)+from+j]
			}
		}
		if !choleskyOf(block, size) {
			return 0
		}
		choleskySolve(block, rest) // what is left of y when the set is foretold
		for i, left := range rest {
			r := &rows[from+i]
			gain += (float64(r.y*r.y) - float64(left*left)) / (r.noise + more)
		}
	}
	return 1 / (1 + (1-wordsBefore)/wordsBefore*math.Exp(min(max(-gain/2, -700), 700)))
}

// Estimate implements Predictor: the candidates are the set.
func (p *siblingsPredictor) Estimate(dst []Estimate, context features.Set, candidates []Candidate) []Estimate {
	if p.other != 0 || p.defaultReward < 0 || p.defaultReward > 1 {
		return p.armsPredictor.Estimate(dst, context, candidates)
	}
	offsets := p.offsets(candidates)
	base := max(p.pool.mean, leastMean)
	strength := p.strength(base)
	for range 2 { // The strength and the offsets depend on the mean, a little.
		base = max(p.center(candidates, offsets, base, strength), leastMean)
		strength = p.strength(base)
	}
	prior := pool{strength: strength}
	for i := range candidates {
		c := p.cell(candidates[i].ID)
		prior.mean = min(max(float64(base*(1+offsets[i])), 0), 1)
		dst = append(dst, prior.binary(c))
		dst[len(dst)-1].Events = uint64(max(0, c.weight))
	}
	return dst
}

const leastMean = 1e-4

func (p *siblingsPredictor) strength(mean float64) float64 {
	return max(1, (1-min(mean, 0.999))/(mean*p.spread))
}

func (p *siblingsPredictor) cell(id string) armCell {
	if n := p.arms.of(id); n > 0 && n < len(p.cells) {
		return p.cells[n]
	}
	return armCell{}
}

// offsets returns what words say of each candidate, relative to the mean of all.
func (p *siblingsPredictor) offsets(candidates []Candidate) []float64 {
	out := make([]float64, len(candidates))
	if p.weight == nil {
		return out
	}
	mean := 0.0
	for i := range candidates {
		if n := p.arms.of(candidates[i].ID); n > 0 {
			for _, w := range p.kin[n-1].words {
				if int(w) < len(p.weight) {
					out[i] += p.weight[w]
				}
			}
		}
		mean += out[i] / float64(len(candidates))
	}
	for i := range out {
		out[i] = float64(p.said * (out[i] - mean))
	}
	return out
}

// setPrior is how much the mean of all sets counts in one set's, in actions.
const setPrior = 0.2

// center returns the mean of the candidates, each weighted by how well it is known, and a little of what all sets are worth.
func (p *siblingsPredictor) center(candidates []Candidate, offsets []float64, base, strength float64) float64 {
	total := setPrior / (1 + strength)
	sum := float64(total * p.pool.mean)
	for i := range candidates {
		if c := p.cell(candidates[i].ID); c.weight > 0 {
			sum += (c.reward - float64(float64(c.weight*offsets[i])*base)) / (c.weight + strength)
			total += c.weight / (c.weight + strength)
		}
	}
	return sum / total
}

// Merge adds what another Siblings of the same options learned from other examples. An action that both know stays in the set
// that it has here.
func (s *Siblings) Merge(o *Siblings) error {
	before := len(s.arms.arms.ids)
	if err := s.arms.Merge(&o.arms); err != nil {
		return err
	}
	for _, id := range s.arms.arms.ids[before:] {
		theirs := o.kin[o.arms.arms.of(id)-1]
		k := kin{set: s.sets + theirs.set}
		for _, w := range theirs.words {
			text := o.words.ids[w-1]
			s.words.add(text, maxSiblingWords)
			if n := int32(s.words.of(text)); n > 0 {
				k.words = append(k.words, n)
			}
		}
		slices.Sort(k.words)
		s.kin = append(s.kin, k)
	}
	s.sets += o.sets
	return nil
}
