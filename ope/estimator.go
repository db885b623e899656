package ope

// Terms are what a sample adds to an estimate. With sums over samples,
//
//	value = Σ Linear / Σ Count + Σ Ratio / Σ Weight,
//
// where the second part is there for self-normalised estimators alone. Estimators of means (IPS, DM, DR) fill in Linear, the
// self-normalised ones (SNIPS, SNDR) Ratio and Weight. Count is 1 for a record, and 1/kept for one that stands for others
// that were dropped; Evaluation fills it in and multiplies the rest by it.
type Terms struct {
	Linear, Count, Ratio, Weight float64
}

// Estimator is a rule that turns logged samples into the value of another policy. Implementations are values without state.
type Estimator interface {
	// Name is how the estimator is called on the command line and in reports, with its parameter where it has one.
	Name() string
	// Needs returns the columns without which it cannot be computed.
	Needs() Columns
	// SelfNormalised reports whether the value has a ratio part.
	SelfNormalised() bool
	// Terms returns what one sample adds. The sample has been checked, and has the needed columns.
	Terms(s *Sample) Terms
}
