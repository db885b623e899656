package report

import (
	"fmt"
	"strings"

	"github.com/nextbest/nextbest/ope"
)

func newVerdict(v *ope.Verdict) Verdict {
	out := Verdict{
		Answers: v.Answers, Refusals: v.Refusals, Warnings: v.Warnings, Advice: v.Advice,
		BoundLower: finite(v.BoundLower), BoundUpper: finite(v.BoundUpper),
	}
	out.Text = verdictText(&out)
	return out
}

func verdictText(v *Verdict) string {
	parts := []string{"The log can answer."}
	if !v.Answers {
		parts[0] = "The log cannot answer."
		parts = append(parts, v.Refusals...)
		parts = append(parts, v.Advice)
	}
	return strings.Join(append(parts, v.Warnings...), " ")
}

// NewGate says whether a policy may replace the one that wrote the log: only if the log can answer, and the interval of its
// gain is above least.
func NewGate(p *Policy, least float64) *Gate {
	switch {
	case !p.Verdict.Answers:
		return &Gate{false, "the log cannot answer: " + strings.Join(p.Verdict.Refusals, " ")}
	case p.Gain == nil:
		return &Gate{false, "the gain over the logging policy is not computable"}
	case p.Gain.Lower == nil:
		return &Gate{false, "the gain over the logging policy has no lower bound"}
	case p.Diagnostics.Damaged > 0:
		return &Gate{false, fmt.Sprintf("the log is damaged in %.0f places (nextbest log verify says where)", p.Diagnostics.Damaged)}
	case *p.Gain.Lower > least:
		return &Gate{true, fmt.Sprintf("the gain over the logging policy is at least %.4g, above %g", *p.Gain.Lower, least)}
	}
	return &Gate{false, fmt.Sprintf("the gain over the logging policy may be as low as %.4g, which is not above %g",
		*p.Gain.Lower, least)}
}
