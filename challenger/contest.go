package challenger

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"

	"github.com/nextbest/nextbest/evaluate"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/ope"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// entrant is a policy that is followed: a challenger, or one that is or was in force and may come back.
type entrant struct {
	name       string // of a challenger, "" for another
	definition *learn.Definition
	since      eventlog.Position // of the record that declares the challenger; 0 for none
	gain       *gain             // over the policy in force; nil where it is not evaluated
}

// contest is what a loop's log says of its challengers so far: a fold over records and the rows made of them, so that a
// restart comes to the same numbers, to the bit. It is for one goroutine.
type contest struct {
	loop     string
	metrics  []learn.Metric // of the reward, in the order of a row's
	rewards  ope.Range      // of the reward; zero where the loop does not bound it
	entrants []*entrant     // in the order of a row's samples

	inForce   string // SHA-256 of the file; "" for none
	spec      learn.PromotionSpec
	from      uint64           // decisions of snapshots from this number on are those of the file in force
	awaiting  bool             // the next cut says it
	promotion *learn.Promotion // in force; nil for none
	displaced string           // SHA-256; "" for none
	watch     learn.WatchSpec
	alpha     float64 // of the displaced file
	recall    *gain   // of the displaced over the one in force, in what is watched

	declared  map[string]declaration // by challenger
	takenBack map[string]bool        // by SHA-256, until promoted again
	trouble   error                  // of a sample that could not be added
}

type declaration struct {
	position eventlog.Position
	sha256   string
}

// newContest begins before the log's first record. The standing is the present one: it was that of the beginning as well,
// unless a change in the log says otherwise.
func newContest(s *learn.Standing, entrants []*entrant) *contest {
	c := &contest{
		loop: s.Definition.Loop.Name, metrics: s.Base.Reward.Metrics, rewards: evaluate.RangeOf(&s.Base.Reward),
		entrants: entrants,
		inForce:  s.Definition.SHA256, spec: s.Definition.Promotion, from: 1,
		declared: map[string]declaration{}, takenBack: map[string]bool{},
	}
	if s.Displaced != nil {
		c.promotion = s.Promotion
		c.displace(s.Displaced.SHA256, &s.Displaced.Promotion)
	}
	c.restart()
	return c
}

// record takes a record of the log before the rows that it makes possible.
func (c *contest) record(pos eventlog.Position, r *logv1.Record) {
	switch body := r.GetBody().(type) {
	case *logv1.Record_LoopChange:
		if body.LoopChange.GetLoop() == c.loop {
			c.change(body.LoopChange, learn.PromotionOf(pos, r))
		}
	case *logv1.Record_Cut:
		if c.awaiting && body.Cut.GetLoop() == c.loop {
			c.awaiting, c.from = false, body.Cut.GetNumber()
		}
	case *logv1.Record_Challenge:
		if body.Challenge.GetLoop() == c.loop {
			c.challenge(pos, body.Challenge)
		}
	}
}

// change puts another file in force, over which every gain is to be proven anew.
func (c *contest) change(r *logv1.LoopChange, p *learn.Promotion) {
	sha, spec := "", learn.PromotionSpec{Alpha: 0.05}
	if !r.GetRemoved() {
		sha = digest(r.GetFile())
		if d, err := loop.Compile(r.GetPath(), r.GetFile()); err == nil {
			spec = d.Promotion
		}
	}
	switch {
	case p == nil:
		c.promotion, c.displaced = nil, ""
	case p.TakenBack:
		c.takenBack[c.inForce] = true
		c.promotion, c.displaced = nil, ""
	default:
		delete(c.takenBack, sha)
		c.promotion = p
		c.displace(c.inForce, &c.spec)
	}
	c.inForce, c.spec, c.from, c.awaiting = sha, spec, math.MaxUint64, true
	c.restart()
}

// displace says which file is displaced. It says itself what calls it back: a challenger cannot make that void.
func (c *contest) displace(sha string, spec *learn.PromotionSpec) {
	c.displaced, c.watch, c.alpha = sha, spec.Watch, spec.Alpha
}

func (c *contest) challenge(pos eventlog.Position, r *logv1.Challenge) {
	if r.GetRemoved() {
		delete(c.declared, r.GetChallenger())
	} else {
		c.declared[r.GetChallenger()] = declaration{pos, digest(r.GetFile())}
	}
	for _, e := range c.entrants {
		if e.name == r.GetChallenger() {
			c.enter(e)
		}
	}
}

// restart forgets all evidence.
func (c *contest) restart() {
	for _, e := range c.entrants {
		c.enter(e)
	}
	c.recall = nil
	if c.displaced != "" {
		c.recall = newGain(c.watched(), c.alpha, c.watchedRange())
	}
}

// watchedRange is the range of what is watched, more being better: known of the reward alone.
func (c *contest) watchedRange() ope.Range {
	switch {
	case c.watch.Metric != "":
		return ope.Range{}
	case c.watch.Lower:
		return ope.Range{Least: -c.rewards.Most, Most: -c.rewards.Least}
	}
	return c.rewards
}

// enter begins the evaluation of an entrant.
func (c *contest) enter(e *entrant) {
	e.since, e.gain = 0, nil
	if d := c.declared[e.name]; e.name != "" && d.sha256 == e.definition.SHA256 {
		e.since, e.gain = d.position, newGain(columns, c.spec.Alpha, c.rewards)
	}
}

// columns are what samples of live traffic have. Users are left out: the draws of one user's decisions are independent of each
// other, which is all that a sequence over decisions needs (ADR 0011), and groups of users are no sequence.
const columns = ope.HasAction | ope.HasPropensity | ope.HasTarget | ope.HasModel | ope.HasUnsupported | ope.HasPosition |
	ope.HasKept | ope.HasExpectedSquare

// watched are the columns of samples of what is watched. The model expects rewards; a metric is judged without it.
func (c *contest) watched() ope.Columns {
	if c.watch.Metric == "" {
		return columns
	}
	return columns &^ ope.HasModel
}

// row takes a row of samples, one per entrant. unmet returns the actions that an entrant has and no decision could serve.
func (c *contest) row(r *evaluate.Row, unmet func(entrant int) []string) {
	if r.Snapshot < c.from {
		return
	}
	recall := c.recall
	for i, e := range c.entrants {
		s := &r.Samples[i]
		if e.gain != nil && r.Decision > e.since && e.definition.SHA256 != c.inForce {
			c.note(e.gain.add(s, func() []string { return unmet(i) }))
		}
		if recall != nil && e.definition.SHA256 == c.displaced {
			c.note(recall.add(c.watchedSample(*s, r), nil))
			recall = nil // A second file of the same text says the same.
		}
	}
}

func (c *contest) note(err error) {
	if err != nil {
		c.trouble = err
	}
}

// watchedSample is a sample whose reward is what is watched, more being better.
func (c *contest) watchedSample(s ope.Sample, r *evaluate.Row) *ope.Sample {
	if c.watch.Metric != "" {
		s.Reward = 0
		if i := slices.IndexFunc(c.metrics, func(m learn.Metric) bool { return m.Name == c.watch.Metric }); i >= 0 {
			s.Reward = r.Metrics[i]
		}
	}
	if c.watch.Lower {
		s.Reward, s.QLogged, s.QTarget = -s.Reward, -s.QLogged, -s.QTarget
	}
	return &s
}

func digest(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}
