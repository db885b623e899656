package learn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// A feature's scale is its own affair: a model of one in billionths or billions is as good as any other.
func TestModelsOfAnyScaleAreServed(t *testing.T) {
	for _, scale := range []float64{1e-9, 1e-6, 1e-3, 1, 1e6, 1e9} {
		f := shop()
		f.Low, f.High = -1, 1
		log := newMemoryLog(changeTo(0, f))
		for i := range 200 {
			x := float64(i%7) / 7
			id, now := fmt.Sprint("e", i), int64(i)*second
			for _, r := range []*logv1.Record{
				decided(now, "shop", id, func(r *decision.Record) {
					r.Context = features.Set{{Name: "hour", Value: features.NumberValue(x * scale)}}
				}, "a"),
				rewarded(now, "shop", id, "r", x),
			} {
				must(log.Append(t.Context(), r, decision.Process))
			}
		}
		c, err := foldOf(t, nil, log).loops["shop"].materialise()
		if err != nil {
			t.Errorf("a feature between 0 and %g: %v", scale, err)
			continue
		}
		for _, x := range []float64{0, 0.5, 0.8} {
			context := features.Set{{Name: "hour", Value: features.NumberValue(x * scale)}}
			got := c.snapshot.Model.Estimate(nil, context, []model.Candidate{{ID: "a"}})[0].Mean
			if got < x-0.1 || got > x+0.1 {
				t.Errorf("a feature between 0 and %g: the estimate at %g is %g, want about %g", scale, x*scale, got, x)
			}
		}
	}
}

// Where nothing is known, an estimate orders of magnitude beyond the rewards is refused.
func TestAbsurdModelIsRefused(t *testing.T) {
	l := foldOf(t, nil, newMemoryLog(changeTo(0, bounded()))).loops["shop"]
	l.estimator = absurd{l.estimator}
	if _, err := l.materialise(); err == nil || !strings.Contains(err.Error(), "beyond") {
		t.Errorf("an estimate of 1e9 for rewards of at most 1: %v", err)
	}
}

func bounded() file {
	f := shop()
	f.Low, f.High = 0, 1
	return f
}

// absurd estimates 1e9, whatever it is asked.
type absurd struct{ model.Estimator }

func (a absurd) Predictor() (model.Predictor, error) {
	p, err := a.Estimator.Predictor()
	return absurdPredictor{p}, err
}

type absurdPredictor struct{ model.Predictor }

func (p absurdPredictor) Estimate(dst []model.Estimate, context features.Set, cs []model.Candidate) []model.Estimate {
	from := len(dst)
	dst = p.Predictor.Estimate(dst, context, cs)
	for i := range dst[from:] {
		dst[from+i].Mean = 1e9
	}
	return dst
}
