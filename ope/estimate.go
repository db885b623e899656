package ope

// Estimate is what an estimator says of the value of a policy.
type Estimate struct {
	Name         string
	Value        float64 // in reward units, NaN where it could not be computed
	Lower, Upper float64 // bounds of the interval; infinite where there is none
	Interval     string  // the method of the interval
	// StandardError is that of the delta method.
	StandardError float64
	// Lambda is the parameter that a rule chose, NaN where none did.
	Lambda float64
	// Unable says what is missing where the value could not be computed: "needs q_logged, q_pi_e".
	Unable string
}

func (e *Estimate) set(i Interval) { e.Lower, e.Upper, e.Interval = i.Lower, i.Upper, i.Method }
