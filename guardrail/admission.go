package guardrail

import "time"

// Admit returns every rule that an action would break whoever it is served to, in canonical order: of the rules that deny, those
// that read actions and the brand alone, in force at a time. What depends on a user, a request or the time is judged when the
// action is to be served.
func (s *Set) Admit(action Subject, at time.Time) []*RuleInfo {
	var broken []*RuleInfo
	bound := s.Bind([]Subject{action})
	for _, c := range s.denying {
		if c.root.form != ofActions || !c.inForce(at) {
			continue
		}
		if o, _ := c.outcome(bound.columns[c.root.leaf].truth, 0); o == Denies {
			broken = append(broken, &c.info)
		}
	}
	return broken
}
