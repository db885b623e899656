package ope

// One function for each estimator of multi*.go, mips.go, slateestimators.go and slotratios.go, for tables of names.

// NewMultiIPS returns multi_ips with weights of at most clip, or any for 0.
func NewMultiIPS(clip float64) Estimator { return MultiIPS{Clip: clip} }

// NewMultiDR returns multi_dr with weights of at most clip, or any for 0.
func NewMultiDR(clip float64) Estimator { return MultiDR{Clip: clip} }

// NewBalancedIPS returns multi_bal with weights of at most clip, or any for 0.
func NewBalancedIPS(clip float64) Estimator { return BalancedIPS{Clip: clip} }

// NewBalancedDR returns multi_bal_dr with weights of at most clip, or any for 0.
func NewBalancedDR(clip float64) Estimator { return BalancedDR{Clip: clip} }

// NewMultiWeighted returns multi_weighted with weights of at most clip, or any for 0; it is used once.
func NewMultiWeighted(clip float64) *MultiWeighted { return &MultiWeighted{Clip: clip} }

// NewMultiWeightedDR returns multi_weighted_dr with weights of at most clip, or any for 0; it is used once.
func NewMultiWeightedDR(clip float64) *MultiWeighted { return &MultiWeighted{Clip: clip, DR: true} }

// NewMIPS returns mips.
func NewMIPS() Estimator { return MIPS{} }

// NewSNMIPS returns snmips.
func NewSNMIPS() Estimator { return SNMIPS{} }

// NewSIPS returns sips.
func NewSIPS() SlateEstimator { return SIPS{} }

// NewSNSIPS returns snsips.
func NewSNSIPS() SlateEstimator { return SNSIPS{} }

// NewIIPS returns iips.
func NewIIPS() SlateEstimator { return IIPS{} }

// NewRIPS returns rips.
func NewRIPS() SlateEstimator { return RIPS{} }

// NewCascadeDR returns cascade_dr.
func NewCascadeDR() SlateEstimator { return CascadeDR{} }

// NewPseudoInverse returns pseudo_inverse.
func NewPseudoInverse() SlateEstimator { return PseudoInverse{} }

// NewSNIIPS returns sniips.
func NewSNIIPS() SlotEstimator { return SNIIPS{} }

// NewSNRIPS returns snrips.
func NewSNRIPS() SlotEstimator { return SNRIPS{} }
