package model

// armSums are the sums of a set of examples.
type armSums struct {
	examples int64
	other    int64 // of them with a reward that is neither 0 nor 1
	cells    []armCell
}

// armCell is the part of one action, weighted.
type armCell struct {
	weight  float64 // Σ 1
	reward  float64 // Σ r
	squares float64 // Σ r²
}

func (s *armSums) add(number int, reward, weight float64) {
	one := int64(1)
	if weight < 0 {
		one = -1
	}
	s.examples += one
	if reward != 0 && reward != 1 {
		s.other += one
	}
	s.cell(number).add(armCell{weight, float64(weight * reward), float64(float64(weight*reward) * reward)})
}

// cell returns an action's cell, to be written.
func (s *armSums) cell(number int) *armCell {
	for len(s.cells) <= number {
		s.cells = append(s.cells, armCell{})
	}
	return &s.cells[number]
}

func (c *armCell) add(d armCell) {
	c.weight += d.weight
	c.reward += d.reward
	c.squares += d.squares
}

// merge adds o's sums, whose actions have another numbering.
func (s *armSums) merge(o *armSums, theirs, ours *numbering) {
	s.examples += o.examples
	s.other += o.other
	for i, n := 0, len(o.cells); i < n; i++ {
		number := 0
		if i > 0 {
			number = ours.of(theirs.ids[i-1])
		}
		d := o.cells[i]
		s.cell(number).add(d)
	}
}

// scatter returns the cell's sum of squares about its mean.
func (c *armCell) scatter() float64 {
	if !(c.weight > 0) {
		return 0
	}
	return max(0, c.squares-float64(c.reward*c.reward)/c.weight)
}

// pool is what the actions say together: the prior of each, a normal one of the given mean and a variance of
// noise/strength, in which noise is the variance of rewards of one action. Strength is in numbers of examples.
type pool struct {
	mean, strength, noise float64
}

// newPool estimates a prior from all actions by the method of moments, as for a one-way layout with random effects
// (Searle, Casella and McCulloch, Variance components, section 3.6):
//
//	noise    (Σ within + v) / (N − K + 1)
//	between  (Σ n·(mean − m)² − (K−1)·noise) / (N − Σn²/N)
//	strength noise / between
//	mean     Σ w·mean / Σ w, w = n/(n + strength)
//
// Each is kept from extremes: v is the variance of all rewards and of one that is the default, which has the noise a
// value from the first reward on; the strength is between 1 and an action's average number of examples, so that others
// never outweigh what an action itself has shown; and the default counts as an action that was tried once.
func newPool(cells []armCell, defaultReward float64) pool {
	all, k, within, means, sizes := armCell{}, 0.0, 0.0, 0.0, 0.0
	for i := range cells {
		c := &cells[i]
		if !(c.weight > 0) {
			continue
		}
		k++
		all.add(*c)
		within += c.scatter()
		means += float64(c.reward*c.reward) / c.weight
		sizes += float64(c.weight * c.weight)
	}
	with := armCell{all.weight + 1, all.reward + defaultReward, all.squares + float64(defaultReward*defaultReward)}
	p := pool{noise: (within + with.scatter()/with.weight) / max(all.weight-k+1, 1), strength: 2}
	if k >= 2 {
		spread := max(0, means-float64(all.reward*all.reward)/all.weight-float64((k-1)*p.noise))
		between := spread / (all.weight - sizes/all.weight)
		p.strength = max(all.weight/k, 1)
		if between > 0 {
			p.strength = min(p.strength, max(p.noise/between, 1))
		}
	}
	p.mean = p.center(cells, defaultReward)
	return p
}

// center returns the mean over actions, each weighted by how well its own is known.
func (p *pool) center(cells []armCell, defaultReward float64) float64 {
	total := 1 / (1 + p.strength)
	sum := float64(total * defaultReward)
	for i := range cells {
		if c := &cells[i]; c.weight > 0 {
			sum += c.reward / (c.weight + p.strength)
			total += c.weight / (c.weight + p.strength)
		}
	}
	return sum / total
}

// binary returns the posterior of a probability under a Beta prior of the pool's mean and strength. Its variance is that
// of a probability of at least half a reward, and half a missed one, in as many examples.
func (p *pool) binary(c armCell) Estimate {
	n := max(c.weight, 0) + p.strength
	m := min(max((float64(p.strength*p.mean)+c.reward)/n, 0), 1)
	q := min(max(m, 0.5/(n+1)), 1-0.5/(n+1))
	return Estimate{Mean: m, Variance: float64(q*(1-q)) / (n + 1)}
}

// priorShape is the shape of an action's noise variance, an inverse gamma distribution with the pool's noise as its mean:
// its own deviations outweigh the others' from about four examples on.
const priorShape = 3

// normal returns the posterior mean, and the variance of its marginal t distribution, under a normal-inverse-gamma prior
// (Murphy, Conjugate Bayesian analysis of the Gaussian distribution, 2007, section 6).
func (p *pool) normal(c armCell) Estimate {
	if !(c.weight > 0) {
		return Estimate{Mean: p.mean, Variance: p.noise / p.strength}
	}
	n := c.weight + p.strength
	d := c.reward/c.weight - p.mean
	rate := float64(p.noise*(priorShape-1)) + float64(0.5*c.scatter()) + float64(float64(float64(0.5*c.weight)*p.strength)*float64(d*d))/n
	shape := priorShape + float64(0.5*c.weight)
	return Estimate{Mean: p.mean + float64(d*c.weight)/n, Variance: rate / float64((shape-1)*n)}
}
