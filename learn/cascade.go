package learn

// RewardModel says which slots of an event are learned from.
type RewardModel uint8

// The reward models.
//
// Under Cascade the user looks at the slots from the first on and stops at the first that attracts (Craswell, Zoeter, Taylor
// and Ramsey, An experimental comparison of click position-bias models, WSDM 2008; Kveton, Szepesvári, Wen and Ashkan,
// Cascading bandits, ICML 2015). A slot attracts that is worth more than the default reward. Those before it were seen
// and did not attract: they are learned from with what they are worth. Those after it were not seen, and say nothing.
// Where none attracts all were seen.
//
// Where several are rewarded the first ends the scan all the same, and the others are not learned from. The dependent
// click model (Guo, Liu and Wang, Efficient multiple-click models in web search, WSDM 2009) goes on to the last one. But
// an end that depends on what was seen up to it, and on nothing after, leaves a fair sample of what users do who look at
// a slot; to end at the last reward is to know what comes: that slot always is a success, and the failures that were seen
// after it are left out (TestCascadesOfSeveralClicksAreFair).
const (
	Independent RewardModel = iota // each slot by itself
	Cascade                        // those up to the first that attracts
)

// examined returns how many slots of n, from the first on, are learned from; worth says what each is worth. It depends on
// the rewards and not on their order, and another reward can make it less or, where it changes what a slot is worth, more.
func (s *RewardSpec) examined(n int, worth func(slot int) float64) int {
	if s.Model == Independent {
		return n
	}
	for i := range n - 1 {
		if worth(i) > s.Default {
			return i + 1
		}
	}
	return n
}

// examined returns how many slots of the event are learned from as it stands.
func (e *event) examined(s *RewardSpec) int {
	return s.examined(len(e.slots), func(slot int) float64 {
		worth, _ := s.worth(e.rewards, slot)
		return worth
	})
}

// summed returns how many slots of a counted event are in the provisional sums: those that were examined when its worth was
// last looked at.
func (e *event) summed(s *RewardSpec) int {
	return s.examined(len(e.slots), func(slot int) float64 { return e.slots[slot].counted })
}
