package features

// Term is one coordinate of an encoded Set.
type Term struct {
	Index int32
	Value float64
}
