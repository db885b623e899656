package challenger

import (
	"fmt"
	"strings"

	"github.com/nextbest/nextbest/learn"
)

// mayPromote reports whether a challenger with this evidence is to be promoted without anyone asking.
func mayPromote(spec *learn.PromotionSpec, e *Evidence) bool {
	return spec.Automatic && e.Events >= spec.MinimumEvents && e.Proven()
}

// mustTakeBack reports whether the evidence of the displaced policy calls it back.
func mustTakeBack(w *learn.WatchSpec, e *Evidence) bool { return e.above(w.Tolerance) }

// NotProvenError refuses a promotion, with the numbers.
type NotProvenError struct {
	Loop, Challenger string
	Evidence         Evidence
}

// Error implements error.
func (e *NotProvenError) Error() string {
	of := fmt.Sprintf("challenger %q of loop %q is not proven to be better: ", e.Challenger, e.Loop)
	switch v := &e.Evidence; {
	case v.Events == 0:
		return of + "no decision has been evaluated yet"
	case !v.Answers:
		return fmt.Sprintf("%safter %d events the log cannot answer: %s %s", of, v.Events, strings.Join(v.Refusals, " "), v.Advice)
	default:
		return fmt.Sprintf("%safter %d events its gain is %.4g, and may be as low as %.4g (to %.4g); above 0 is needed",
			of, v.Events, v.Gain, v.Lower, v.Upper)
	}
}
