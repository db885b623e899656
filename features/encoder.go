package features

import (
	"math"
	"slices"
)

// EncoderOptions bounds what an Encoder grows to. Zero values mean the defaults.
type EncoderOptions struct {
	// Intercept starts every encoding with term 0, value 1. The index 0 is kept free for it in any case.
	Intercept bool
	// MaxTerms bounds the dimension, term 0 included. What comes later than the bound is not encoded, except as the
	// 'other' of its feature where there is one. Default 256: the cost of a fit grows with the cube.
	MaxTerms int
	// MaxCategories bounds the different texts of one feature, so that one feature full of identifiers cannot use up
	// MaxTerms. Default 64.
	MaxCategories int
}

const (
	defaultMaxTerms      = 256
	defaultMaxCategories = 64
	// maxMagnitude keeps the squares that a model sums up far from overflow. A larger number counts as missing.
	maxMagnitude = 1e100
	noTerm       = int32(-1)
)

// Encoder turns Sets into terms and learns new features and texts as they are observed. It has a single writer.
//
//	number        one term: the value minus its anchor, which is the first value seen, so that sums stay accurate
//	list of n     n terms with an anchor each; a list of another length counts as missing
//	text, tags    one term of value 1 per text, in the order of first appearance
//	boolean       one term, 1 when true; false and missing are the same
//
// Beyond MaxCategories, new texts of a feature share one 'other' term; while a feature has none, an unknown text has no
// term. A number that is missing has no term, where one at its anchor has a term of value 0. An indicator tells it: a
// feature that was there from the first Set gets a term that is 1 where it is missing, once it was seen missing; a
// feature that came later has a term that is 1 where it is present. Missing texts need no indicator: no term stands for them.
//
// An index is never given away again, and a Set that was observed encodes the same ever after, however much is
// observed later.
type Encoder struct {
	opts     EncoderOptions
	view     *View
	lent     bool // view is in others' hands: copy before writing
	observed bool // a Set was observed before
}

// NewEncoder returns an Encoder that knows nothing yet.
func NewEncoder(opts EncoderOptions) *Encoder {
	if opts.MaxTerms <= 0 {
		opts.MaxTerms = defaultMaxTerms
	}
	if opts.MaxCategories <= 0 {
		opts.MaxCategories = defaultMaxCategories
	}
	return &Encoder{opts: opts, view: &View{
		intercept: opts.Intercept,
		terms:     []TermInfo{{Indicator: noTerm}},
		byName:    map[string]*field{},
	}}
}

// Bound changes MaxTerms for what comes from now on. Terms that there are stay.
func (e *Encoder) Bound(maxTerms int) { e.opts.MaxTerms = maxTerms }

// MaxTerms returns the bound that holds.
func (e *Encoder) MaxTerms() int { return e.opts.MaxTerms }

// View returns the encoding as it is now. Taking one costs nothing until the encoder grows again.
func (e *Encoder) View() *View {
	e.lent = true
	return e.view
}

// Observe makes terms for what is new in s. The order of the calls decides the indices.
func (e *Encoder) Observe(s Set) {
	here := 0
	for i := range s {
		if e.observeValue(e.view.field(i, s[i].Name), &s[i]) {
			here++
		}
	}
	if here < e.view.always {
		e.markAllAbsent(s)
	}
	e.observed = true
}

// markAllAbsent gives the numbers that were always there, and are not in s, their indicators.
func (e *Encoder) markAllAbsent(s Set) {
	for i := range e.view.fields {
		n := e.view.fields[i].numbers
		if n == nil || n.indicator >= 0 {
			continue
		}
		if v := s.Get(e.view.fields[i].name); !n.readable(&v) {
			e.markAbsent(i)
		}
	}
}

// observeValue makes terms for what is new in a feature, and reports whether it is a number that was always there.
func (e *Encoder) observeValue(f *field, feature *Feature) bool {
	name, v := feature.Name, &feature.Value
	switch v.kind {
	case Number, Numbers:
		if f == nil || f.numbers == nil {
			e.addNumbers(name, *v)
			f = e.view.byName[name]
		}
		return f != nil && f.numbers != nil && f.numbers.indicator < 0 && f.numbers.readable(v)
	case Text:
		e.observeText(name, v.text)
	case Texts:
		for _, t := range v.texts {
			e.observeText(name, t)
		}
	case Flag:
		if (f == nil || f.flag < 0) && e.room(1) {
			f = e.edit(name)
			f.flag = e.add(TermInfo{Indicator: noTerm})
		}
	}
	return false
}

func (e *Encoder) addNumbers(name string, v Value) {
	xs := v.vector(new([1]float64))
	late := 0
	if e.observed {
		late = 1
	}
	if len(xs) == 0 || !e.room(len(xs)+late) || slices.ContainsFunc(xs, func(x float64) bool { return !(math.Abs(x) <= maxMagnitude) }) {
		return
	}
	n := &numbers{anchors: slices.Clone(xs), indicator: noTerm}
	f := e.edit(name)
	f.numbers = n
	if e.observed {
		n.indicator = e.add(TermInfo{Indicator: noTerm})
	}
	n.first = int32(len(e.view.terms))
	for range xs {
		e.add(TermInfo{Numeric: true, Indicator: n.indicator})
	}
	if n.indicator < 0 {
		e.view.always++
	}
}

// markAbsent gives field i the indicator of its being missing. Without room for it, missing reads as the anchor.
func (e *Encoder) markAbsent(i int) {
	if !e.room(1) {
		return
	}
	f := e.edit(e.view.fields[i].name)
	f.numbers.indicator, f.numbers.whenMissing = e.add(TermInfo{Indicator: noTerm}), true
	for k := range f.numbers.anchors {
		info := &e.view.terms[int(f.numbers.first)+k]
		info.Indicator, info.WhenMissing = f.numbers.indicator, true
	}
	e.view.absent = append(e.view.absent, f)
	e.view.always--
}

func (e *Encoder) observeText(name, text string) {
	var t *texts
	if f := e.view.byName[name]; f != nil {
		t = f.texts
	}
	if t != nil {
		if _, known := t.index[text]; known || t.other >= 0 {
			return
		}
	}
	if !e.room(1) {
		return
	}
	f := e.edit(name)
	if f.texts == nil {
		f.texts = &texts{index: map[string]int32{}, other: noTerm}
	}
	t = f.texts
	if len(t.order) == e.opts.MaxCategories {
		t.other = e.add(TermInfo{Indicator: noTerm})
		return
	}
	t.order = append(t.order, text)
	t.index[text] = e.add(TermInfo{Indicator: noTerm})
}

func (e *Encoder) room(n int) bool { return len(e.view.terms)+n <= e.opts.MaxTerms }

func (e *Encoder) add(info TermInfo) int32 {
	e.view.terms = append(e.view.terms, info)
	return int32(len(e.view.terms) - 1)
}

// edit returns the named field of a view that may be written, making both as needed.
func (e *Encoder) edit(name string) *field {
	if e.lent {
		e.view, e.lent = e.view.clone(), false
	}
	f := e.view.byName[name]
	if f == nil {
		f = &field{name: name, flag: noTerm}
		e.view.fields = append(e.view.fields, f)
		e.view.byName[name] = f
	}
	return f
}
