package challenger

import (
	"context"
	"time"

	"github.com/nextbest/nextbest/learn"
)

// automatic is who promotes and takes back without being asked.
const automatic = "automatic"

// act puts the displaced file back if it is proven to be better, else promotes the challenger that is proven to be better by
// most, where the file in force allows that.
func (f *following) act(ctx context.Context, s *learn.Standing, status *Status) {
	var err error
	if status.Watch != nil && mustTakeBack(&status.Watch.WatchSpec, &status.Watch.Evidence) && s.Promotion != nil {
		_, err = f.takeBack(ctx, s, Request{Actor: automatic, Reason: "what is watched has fallen"})
	} else if best := f.best(status); best != nil {
		_, err = f.promote(ctx, best, status.SHA256, Request{Actor: automatic, Reason: "proven to be better"}, false)
	}
	if err != nil && ctx.Err() == nil {
		f.quiet = time.Now().Add(retryAfter)
		f.logger.Error("challengers: not changed", "error", err)
	}
}

// best returns the challenger to be promoted now, or nil.
func (f *following) best(status *Status) *Challenger {
	var best *Challenger
	for i := range status.Challengers {
		c := &status.Challengers[i]
		if c.State != Evaluating || !mayPromote(&f.contest.spec, &c.Evidence) {
			continue
		}
		if best == nil || c.Evidence.Lower > best.Evidence.Lower {
			best = c
		}
	}
	return best
}

// promote records the promotion of a challenger over the file that its evidence compares it with.
func (w *worker) promote(ctx context.Context, c *Challenger, over string, r Request, forced bool) (*learn.Promotion, error) {
	p := promotion(c.Name, &c.Evidence, r)
	p.Forced = forced
	p.DisplacedSHA256 = over
	made, err := w.learner.Promote(ctx, c.definition, p)
	if err != nil {
		return nil, err
	}
	w.promoted.Add(1)
	w.logger.Info("challenger promoted", "challenger", c.Name, "gain", p.Gain, "lower", p.Lower, "upper", p.Upper,
		"events", p.Events, "actor", p.Actor, "reason", p.Reason, "forced", p.Forced)
	return made, nil
}

// takeBack records the end of the promotion in force.
func (w *worker) takeBack(ctx context.Context, s *learn.Standing, r Request) (*learn.Promotion, error) {
	evidence, metric := nothing(), ""
	if watch := w.status.Load().Watch; watch != nil {
		evidence, metric = watch.Evidence, watch.Metric
	}
	p := promotion(s.Promotion.Challenger, &evidence, r)
	p.Metric, p.DisplacedSHA256 = metric, s.Definition.SHA256
	p.Forced = !evidence.Proven()
	made, err := w.learner.TakeBack(ctx, w.loop, p)
	if err != nil {
		return nil, err
	}
	w.takenBack.Add(1)
	w.logger.Warn("challenger taken back", "challenger", p.Challenger, "metric", metric, "gain", p.Gain, "lower", p.Lower,
		"upper", p.Upper, "events", p.Events, "actor", p.Actor, "reason", p.Reason)
	return made, nil
}

func promotion(name string, e *Evidence, r Request) learn.Promotion {
	return learn.Promotion{
		Challenger: name, Gain: e.Gain, Lower: e.Lower, Upper: e.Upper, Events: e.Events, Actor: r.Actor, Reason: r.Reason,
	}
}
