package learn

// churnLimit is the number of changes of the provisional sums after which they are made afresh, if that is also many
// times the events in them: adding and taking out again leaves rounding errors, and with a long window there is always
// something provisional.
const churnLimit = 1 << 16

// count adds an event to the provisional sums with what it is worth so far.
func (l *loopFold) count(e *event) {
	if e.counted || !e.learned || l.estimator == nil || e.send != nil { // Sends count when their windows close.
		return
	}
	e.counted = true
	l.counted++
	for i := range e.slots {
		s := &e.slots[i]
		s.counted, _ = l.spec().worth(e.rewards, i)
	}
	for i := range e.slots[:e.summed(l.spec())] {
		l.provisional(&e.slots[i], e.slots[i].counted, 1)
	}
}

// recount corrects the provisional sums where the event's worth has changed, or which of its slots were examined.
func (l *loopFold) recount(e *event) {
	before, after := e.summed(l.spec()), e.examined(l.spec())
	for i := range e.slots {
		s := &e.slots[i]
		worth, _ := l.spec().worth(e.rewards, i)
		if worth == s.counted && i < before == (i < after) {
			continue
		}
		if i < before {
			l.provisional(s, s.counted, -1)
		}
		if i < after {
			l.provisional(s, worth, 1)
		}
		s.counted = worth
	}
}

// uncount takes an event out of the provisional sums; with the last one they are cleared to the last bit.
func (l *loopFold) uncount(e *event) {
	if !e.counted {
		return
	}
	e.counted = false
	l.counted--
	for i := range e.slots[:e.summed(l.spec())] {
		l.provisional(&e.slots[i], e.slots[i].counted, -1)
	}
	l.clear()
}

// clear makes the provisional sums those of no event, to the last bit, if there is none in them.
func (l *loopFold) clear() {
	if l.counted == 0 {
		l.estimator.ClearProvisional()
		l.churn = 0
	}
}

// settle makes an event part of the model for good, if it is to be.
func (l *loopFold) settle(e *event) {
	l.uncount(e)
	if !e.learned || !e.shown() || l.estimator == nil {
		return
	}
	l.changed = true
	if e.send != nil {
		l.settleSend(e)
		return
	}
	examined := e.examined(l.spec())
	l.pass(e.slots[examined:])
	for i := range e.slots[:examined] {
		if len(e.slots[i].example) == 0 {
			continue
		}
		worth, _ := l.spec().worth(e.rewards, i)
		l.unpack(&e.slots[i])
		l.estimator.Settle(&l.scratch, worth, 1)
	}
}

// pass puts slots that nobody looked at into the provisional sums and takes them out again. An estimator may keep a place
// for the action of what is provisional: those that were so until an earlier slot was rewarded have one, and so has to
// have one of which it was known from the start, or the model would depend on when rewards came.
func (l *loopFold) pass(slots []slot) {
	if len(slots) == 0 {
		return
	}
	for i := range slots {
		l.provisional(&slots[i], l.spec().Default, 1)
		l.provisional(&slots[i], l.spec().Default, -1)
	}
	l.clear()
}

// capped returns how many settled rewards the model bounds, 0 when its kind does not.
func (l *loopFold) capped() uint64 {
	if e, ok := l.estimator.(interface{ Capped() uint64 }); ok {
		return e.Capped()
	}
	return 0
}

// freshen makes the provisional sums again from the events in them.
func (l *loopFold) freshen() {
	events := l.openEvents()
	counted := make([]*event, 0, l.counted)
	for _, e := range events {
		if e.counted {
			counted = append(counted, e)
		}
	}
	for _, e := range counted {
		l.uncount(e)
	}
	for _, e := range counted {
		l.count(e)
	}
	l.churn = 0
}

func (l *loopFold) provisional(s *slot, reward, weight float64) {
	if len(s.example) == 0 {
		return
	}
	l.changed = true
	l.churn++
	l.unpack(s)
	l.estimator.Provisional(&l.scratch, reward, weight)
}

// unpack leaves the slot's example in l.scratch.
func (l *loopFold) unpack(s *slot) {
	if err := s.example.unpack(&l.scratch); err != nil {
		panic(err) // Packed by this process, or read from a checkpoint whose checksum was right.
	}
}
