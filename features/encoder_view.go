package features

import (
	"maps"
	"math"
	"slices"
)

// Term is one coordinate of an encoded Set.
type Term struct {
	Index int32
	Value float64
}

// View is an Encoder at one moment: immutable, and safe for concurrent use.
type View struct {
	intercept bool
	terms     []TermInfo
	fields    []*field // by first appearance
	byName    map[string]*field
	absent    []*field // those whose indicator is set when they are missing
	always    int      // how many numbers were never missing
}

// TermInfo says how a term's values are to be read.
type TermInfo struct {
	Numeric bool // a number, to be centred and scaled; otherwise 0 or 1
	// Indicator is the term that tells whether this numeric one is present, or -1 when it always is.
	Indicator int32
	// WhenMissing says that the indicator is 1 where the number is missing, rather than where it is present.
	WhenMissing bool
}

// field is one named feature. A name may be used with several kinds of values; each has its own code.
type field struct {
	name    string
	numbers *numbers
	texts   *texts
	flag    int32
}

// numbers is the code of a number, or of a list of len(anchors) numbers.
type numbers struct {
	first       int32
	anchors     []float64
	indicator   int32
	whenMissing bool
}

// texts is the code of a category or of tags.
type texts struct {
	order []string // by first appearance
	index map[string]int32
	other int32
}

// clone copies everything: it is bounded by MaxTerms, and growth ends soon.
func (v *View) clone() *View {
	w := &View{intercept: v.intercept, always: v.always, terms: slices.Clone(v.terms), byName: make(map[string]*field, len(v.fields))}
	for _, f := range v.fields {
		g := &field{name: f.name, flag: f.flag}
		if f.numbers != nil {
			n := *f.numbers // anchors are never written after their making
			g.numbers = &n
		}
		if f.texts != nil {
			g.texts = &texts{order: slices.Clone(f.texts.order), index: maps.Clone(f.texts.index), other: f.texts.other}
		}
		w.fields = append(w.fields, g)
		w.byName[g.name] = g
	}
	for _, f := range v.absent {
		w.absent = append(w.absent, w.byName[f.name])
	}
	return w
}

// Terms describes every term by its index. It must not be changed.
func (v *View) Terms() []TermInfo { return v.terms }

// Append appends the terms of s to dst, the intercept first, then in the order of s. Several tags that share the
// 'other' term give it as often. Append allocates nothing but dst's growth.
func (v *View) Append(dst []Term, s Set) []Term {
	if v.intercept {
		dst = append(dst, Term{Index: 0, Value: 1})
	}
	for i := range s {
		if f := v.field(i, s[i].Name); f != nil {
			dst = f.append(dst, &s[i].Value)
		}
	}
	for _, f := range v.absent {
		if v := s.Get(f.name); !f.numbers.readable(&v) {
			dst = append(dst, Term{Index: f.numbers.indicator, Value: 1})
		}
	}
	return dst
}

// field returns the field of a feature at place i of its Set, or nil. Sets mostly have the same names in the same order.
func (v *View) field(i int, name string) *field {
	if i < len(v.fields) && v.fields[i].name == name {
		return v.fields[i]
	}
	return v.byName[name]
}

func (f *field) append(dst []Term, v *Value) []Term {
	switch v.kind {
	case Number, Numbers:
		if f.numbers != nil {
			dst = f.numbers.append(dst, v)
		}
	case Text:
		if f.texts != nil {
			dst = f.texts.append(dst, v.text)
		}
	case Texts:
		if f.texts != nil {
			for _, t := range v.texts {
				dst = f.texts.append(dst, t)
			}
		}
	case Flag:
		if f.flag >= 0 && v.number == 1 {
			dst = append(dst, Term{Index: f.flag, Value: 1})
		}
	}
	return dst
}

func (t *texts) append(dst []Term, text string) []Term {
	i, ok := t.index[text]
	if !ok {
		i = t.other
	}
	if i < 0 {
		return dst
	}
	return append(dst, Term{Index: i, Value: 1})
}

func (n *numbers) append(dst []Term, v *Value) []Term {
	if !n.readable(v) {
		return dst
	}
	if n.indicator >= 0 && !n.whenMissing {
		dst = append(dst, Term{Index: n.indicator, Value: 1})
	}
	if v.kind == Number {
		return append(dst, Term{Index: n.first, Value: v.number - n.anchors[0]})
	}
	for k, x := range v.numbers {
		dst = append(dst, Term{Index: n.first + int32(k), Value: x - n.anchors[k]})
	}
	return dst
}

// readable reports whether v is of the shape and magnitude that the code has terms for.
func (n *numbers) readable(v *Value) bool {
	switch v.kind {
	case Number:
		return len(n.anchors) == 1 && encodable(v.number)
	case Numbers:
		return len(n.anchors) == len(v.numbers) && !slices.ContainsFunc(v.numbers, func(x float64) bool { return !encodable(x) })
	}
	return false
}

// encodable reports whether a number is of the magnitude that terms are for; NaN is not.
func encodable(x float64) bool { return math.Abs(x) <= maxMagnitude }

// vector returns the numbers of a number, kept in one, or of a list.
func (v *Value) vector(one *[1]float64) []float64 {
	if v.kind == Number {
		one[0] = v.number
		return one[:]
	}
	return v.numbers
}
