package learn

import (
	"context"
	"errors"
	"fmt"

	"github.com/nextbest/nextbest/decision"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// ErrNotInForce is a promotion or its end that was asked for of a file that is not in force any more.
var ErrNotInForce = errors.New("another loop file has come into force meanwhile")

// ErrNotPromoted is the end of a promotion that is not in force.
var ErrNotPromoted = errors.New("no such promotion is in force")

// Promote puts a challenger's definition in the place of the one in force, which p.DisplacedSHA256 must name: what a
// promotion rests on is a comparison with that one. It returns what is recorded once callers see it; AwaitServed waits
// for its snapshot. What was learned is kept.
func (l *Learner) Promote(ctx context.Context, d *Definition, p Promotion) (*Promotion, error) {
	name := d.Loop.Name
	p.TakenBack = false
	err := l.replace(ctx, name, &p, func(s *Standing) (*Definition, error) {
		if s.Definition.SHA256 == d.SHA256 {
			return nil, fmt.Errorf("challenger %q is in force already: %w", p.Challenger, ErrNotInForce)
		}
		_, err := l.compile(d.Path, d.File)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("promote challenger %q of loop %q: %w", p.Challenger, name, err)
	}
	return &p, nil
}

// TakeBack puts the definition back in force that the promotion of p.Challenger displaced; p.DisplacedSHA256 names the
// file that goes.
func (l *Learner) TakeBack(ctx context.Context, loop string, p Promotion) (*Promotion, error) {
	p.TakenBack = true
	err := l.replace(ctx, loop, &p, func(s *Standing) (*Definition, error) {
		if s.Promotion == nil || s.Promotion.Challenger != p.Challenger {
			return nil, ErrNotPromoted
		}
		return s.Displaced, nil
	})
	if err != nil {
		return nil, fmt.Errorf("take back challenger %q of loop %q: %w", p.Challenger, loop, err)
	}
	return &p, nil
}

// replace appends the change to the definition that chosen makes of the standing, and waits until callers see it. That the
// change is in the log is what counts: an end of ctx after that is no error.
func (l *Learner) replace(ctx context.Context, name string, p *Promotion, chosen func(*Standing) (*Definition, error)) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	s, ok := l.Standing(name)
	if !ok {
		return decision.ErrUnknownLoop
	}
	d, err := chosen(&s)
	if err != nil {
		return err
	}
	if s.Definition.SHA256 != p.DisplacedSHA256 {
		return ErrNotInForce
	}
	at := l.o.Now()
	pos, err := l.append(ctx, at, &logv1.LoopChange{Loop: name, File: d.File, Path: d.Path, Promotion: p.stored()})
	if err != nil {
		return err
	}
	p.Position, p.Time = pos, at
	_ = l.awaitSeen(ctx) // Whoever changes something next waits for it as well.
	return nil
}

// AwaitServed returns when a snapshot under the definition that p put in force is served; ErrRefused is one that could
// not be published.
func (l *Learner) AwaitServed(ctx context.Context, loop string, p *Promotion) error {
	return l.awaitServed(ctx, loop, p.Position)
}
