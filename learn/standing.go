package learn

import (
	"slices"
	"time"

	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Promotion says why a challenger's file took the place of the loop's, or why that came back.
type Promotion struct {
	Challenger string
	TakenBack  bool // the displaced file is in force again
	// The evidence: the gain of what is put in force over what was, in units of the reward or of the metric.
	Metric             string // "" is the reward
	Gain, Lower, Upper float64
	Events             uint64
	Actor, Reason      string
	Forced             bool   // the evidence did not prove it
	DisplacedSHA256    string // of the file that was in force before, in hexadecimal
	// Position and Time are those of the record; the log's to say.
	Position eventlog.Position
	Time     time.Time
}

// PromotionOf returns the promotion that a record of the log stores, nil for any other.
func PromotionOf(pos eventlog.Position, r *logv1.Record) *Promotion {
	p := r.GetLoopChange().GetPromotion()
	if p == nil {
		return nil
	}
	return &Promotion{
		Challenger: p.GetChallenger(), TakenBack: p.GetTakenBack(), Metric: p.GetMetric(), Gain: p.GetGain(),
		Lower: p.GetLower(), Upper: p.GetUpper(), Events: p.GetEvents(), Actor: p.GetActor(), Reason: p.GetReason(),
		Forced: p.GetForced(), DisplacedSHA256: p.GetDisplacedSha256(), Position: pos, Time: timeOf(r.GetTimeUnixNanos()),
	}
}

func (p *Promotion) stored() *logv1.Promotion {
	return &logv1.Promotion{
		Challenger: p.Challenger, TakenBack: p.TakenBack, Metric: p.Metric, Gain: p.Gain, Lower: p.Lower, Upper: p.Upper,
		Events: p.Events, Actor: p.Actor, Reason: p.Reason, Forced: p.Forced, DisplacedSha256: p.DisplacedSHA256,
	}
}

// Standing says which definition of a loop is in force and how that came about. It is immutable.
type Standing struct {
	Definition *Definition // in force
	Base       *Definition // of the directory of loop files: the same unless a challenger was promoted
	Displaced  *Definition // by the promotion in force; nil for none
	Promotion  *Promotion  // in force; nil for none
}

// after returns the standing once a change has put d in force.
func (s Standing) after(pos eventlog.Position, r *logv1.Record, d *Definition) Standing {
	switch p := PromotionOf(pos, r); {
	case p == nil || s.Base == nil:
		return Standing{Definition: d, Base: d}
	case p.TakenBack:
		return Standing{Definition: d, Base: s.Base}
	default:
		return Standing{Definition: d, Base: s.Base, Displaced: s.Definition, Promotion: p}
	}
}

// plain reports whether nothing is to be known but the definition.
func (s *Standing) plain() bool { return s.Base == s.Definition && s.Promotion == nil }

// encode writes what the definition alone does not say.
func (s *Standing) encode(e *encoder) {
	e.string(s.Base.Path)
	e.bytes(s.Base.File)
	e.flags(s.Promotion != nil)
	if s.Promotion == nil {
		return
	}
	e.string(s.Displaced.Path)
	e.bytes(s.Displaced.File)
	s.Promotion.encode(e)
}

func (s *Standing) decode(d *decoder, compile Compile) error {
	var promoted bool
	var err error
	if s.Base, err = decodeDefinition(d, compile); err != nil {
		return err
	}
	if d.flags(&promoted); !promoted {
		return nil
	}
	if s.Displaced, err = decodeDefinition(d, compile); err != nil {
		return err
	}
	s.Promotion = decodePromotion(d)
	return nil
}

func decodeDefinition(d *decoder, compile Compile) (*Definition, error) {
	path, file := d.string(), slices.Clone(d.bytes())
	if d.failed {
		return nil, errState
	}
	return compile(path, file)
}

func (p *Promotion) encode(e *encoder) {
	e.string(p.Challenger)
	e.flags(p.TakenBack, p.Forced)
	e.string(p.Metric)
	for _, x := range []float64{p.Gain, p.Lower, p.Upper} {
		e.float(x)
	}
	e.uvarint(p.Events)
	e.string(p.Actor)
	e.string(p.Reason)
	e.string(p.DisplacedSHA256)
	e.uvarint(uint64(p.Position))
	e.varint(unix(p.Time))
}

func decodePromotion(d *decoder) *Promotion {
	p := &Promotion{Challenger: d.string()}
	d.flags(&p.TakenBack, &p.Forced)
	p.Metric = d.string()
	p.Gain, p.Lower, p.Upper = d.float(), d.float(), d.float()
	p.Events = d.uvarint()
	p.Actor, p.Reason, p.DisplacedSHA256 = d.string(), d.string(), d.string()
	p.Position, p.Time = eventlog.Position(d.uvarint()), timeOf(d.varint())
	return p
}
