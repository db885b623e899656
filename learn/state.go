package learn

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/nextbest/nextbest/eventlog"
)

// errState is a checkpoint whose checksum is right and whose contents are not: written by another version.
var errState = errors.New("the state does not hold together")

// appendState appends the fold's whole state: the same bytes for the same log.
func (f *fold) appendState(b []byte) ([]byte, error) {
	e := &encoder{b}
	e.uvarint(uint64(f.next))
	e.uint64(f.last)
	e.tally(f.skipped)
	e.uvarint(uint64(len(f.loops)))
	for _, name := range slices.Sorted(maps.Keys(f.loops)) {
		if err := f.loops[name].encodeState(e); err != nil {
			return nil, fmt.Errorf("state of loop %q: %w", name, err)
		}
	}
	f.encodeStandings(e)
	return e.b, nil
}

// encodeStandings writes those of promoted loops at the end, and nothing where there are none, as in states from before there
// were promotions.
func (f *fold) encodeStandings(e *encoder) {
	for _, name := range slices.Sorted(maps.Keys(f.loops)) {
		if s := &f.loops[name].standing; !s.plain() {
			e.string(name)
			s.encode(e)
		}
	}
}

func (f *fold) decodeStandings(d *decoder) error {
	for len(d.b) > 0 {
		l := f.loops[d.string()]
		if l == nil {
			return errState
		}
		if err := l.standing.decode(d, f.compile); err != nil {
			return fmt.Errorf("standing of loop %q: %w", l.definition.Loop.Name, err)
		}
	}
	return nil
}

// readState restores what appendState wrote into a new fold.
func (f *fold) readState(b []byte) error {
	d := &decoder{b: b}
	f.next = eventlog.Position(d.uvarint())
	f.last = d.uint64()
	f.skipped = d.tally()
	for range d.count(1) {
		l, err := decodeState(d, f.compile)
		if err != nil {
			return err
		}
		f.loops[l.definition.Loop.Name] = l
	}
	if err := f.decodeStandings(d); err != nil {
		return err
	}
	if d.failed || len(d.b) > 0 {
		return errState
	}
	return nil
}

func (l *loopFold) encodeState(e *encoder) error {
	e.string(l.definition.Path)
	e.bytes(l.definition.File)
	e.string(l.definition.LearningKey)
	e.flags(l.removed)
	e.varint(l.now)
	e.uvarint(l.cut)
	l.published.encode(e)
	l.catalogues.encode(e)
	l.counts.encode(e)
	l.delays.encode(e)
	open, ripe := l.openEvents(), 0
	e.uvarint(uint64(len(open)))
	for _, ev := range open {
		ev.encode(e)
	}
	for _, ev := range l.queue.all()[:l.ripe] {
		if !ev.ended {
			ripe++
		}
	}
	e.uvarint(uint64(ripe))
	l.waiting.encode(e)
	l.closed.encode(e)
	e.uvarint(l.churn)
	model, err := l.estimator.AppendBinary(nil)
	e.bytes(model)
	return err
}

func decodeState(d *decoder, compile Compile) (*loopFold, error) {
	path, file, key := d.string(), slices.Clone(d.bytes()), d.string()
	if d.failed {
		return nil, errState
	}
	def, err := compile(path, file)
	if err != nil {
		return nil, fmt.Errorf("compile the loop file in force: %w", err)
	}
	if def.LearningKey != key {
		return nil, fmt.Errorf("loop %q: this version learns otherwise than the one that wrote the state", def.Loop.Name)
	}
	l := newLoopFold(def)
	d.flags(&l.removed)
	l.now, l.cut = d.varint(), d.uvarint()
	l.published.decode(d)
	if err := l.catalogues.decode(d, compile); err != nil {
		return nil, fmt.Errorf("catalogues of loop %q: %w", def.Loop.Name, err)
	}
	l.counts.decode(d)
	l.delays.decode(d)
	for range d.count(1) {
		l.reopen(decodeEvent(d))
	}
	l.ripe = int(d.uvarint())
	l.waiting.decode(d)
	l.closed.decode(d)
	l.churn = d.uvarint()
	if err := l.estimator.UnmarshalBinary(d.bytes()); err != nil {
		return nil, fmt.Errorf("model of loop %q: %w", def.Loop.Name, err)
	}
	if d.failed || l.ripe > l.queue.len() {
		return nil, errState
	}
	return l, nil
}

// reopen puts an event of a checkpoint at the end of the queue.
func (l *loopFold) reopen(e *event) {
	l.open[e.id] = e
	l.queue.push(e)
	l.schedule(e)
	if e.counted {
		l.counted++
	}
}

func (p *published) encode(e *encoder) {
	e.varint(p.at)
	e.string(p.id)
	e.uvarint(p.number)
	e.uvarint(uint64(p.position))
	e.bytes(p.sha256)
	e.uvarint(p.events)
}

func (p *published) decode(d *decoder) {
	*p = published{
		at: d.varint(), id: d.string(), number: d.uvarint(), position: eventlog.Position(d.uvarint()),
		sha256: slices.Clone(d.bytes()), events: d.uvarint(),
	}
}

func (h *delays) encode(e *encoder) {
	e.uvarint(h.n)
	e.counts(h.buckets[:])
}

func (h *delays) decode(d *decoder) {
	h.n = d.uvarint()
	d.counts(h.buckets[:])
}

func (e *event) encode(to *encoder) {
	to.string(e.id)
	to.uvarint(uint64(e.position))
	to.varint(e.opened)
	to.flags(e.deferred, e.activated, e.learned, e.ripe, e.counted)
	to.uvarint(uint64(len(e.slots)))
	for i := range e.slots {
		to.string(e.slots[i].id)
		to.bytes(e.slots[i].example)
		to.float(e.slots[i].counted)
	}
	encodeRewards(to, e.rewards)
	encodeRewards(to, e.machines)
	e.send.encode(to)
}

func encodeRewards(to *encoder, rewards []reward) {
	to.uvarint(uint64(len(rewards)))
	for i := range rewards {
		r := &rewards[i]
		to.uvarint(uint64(r.position))
		to.string(r.id)
		to.float(r.value)
		to.varint(r.at)
		to.uvarint(uint64(r.slot))
		to.uvarint(uint64(r.metric))
	}
}

func decodeEvent(d *decoder) *event {
	v := &event{id: d.string(), position: eventlog.Position(d.uvarint()), opened: d.varint()}
	d.flags(&v.deferred, &v.activated, &v.learned, &v.ripe, &v.counted)
	for range d.count(10) {
		v.slots = append(v.slots, slot{d.string(), slices.Clone(d.bytes()), d.float()})
	}
	v.rewards, v.machines = decodeRewards(d), decodeRewards(d)
	v.send = decodeSend(d)
	return v
}

func decodeRewards(d *decoder) (rewards []reward) {
	for range d.count(13) {
		rewards = append(rewards, reward{
			position: eventlog.Position(d.uvarint()), id: d.string(), value: d.float(), at: d.varint(),
			slot: d.uint16(), metric: d.uint16(),
		})
	}
	return rewards
}

func (d *decoder) uint16() uint16 {
	v := d.uvarint()
	if v > math.MaxUint16 {
		d.fail()
	}
	return uint16(v)
}

func (w *waiting) encode(e *encoder) {
	e.uvarint(uint64(len(w.byID)))
	for _, h := range w.queue.all() {
		if w.byID[h.id] != h {
			continue
		}
		e.string(h.id)
		e.varint(h.since)
		e.uvarint(uint64(h.activated))
		e.varint(h.shown)
		e.uvarint(uint64(len(h.claims)))
		for _, c := range h.claims {
			e.uvarint(uint64(c.position))
			e.string(c.id)
			e.string(c.metric)
			e.string(c.slot)
			e.float(c.value)
			e.varint(c.at)
			e.string(c.origin.agent)
			e.string(c.origin.ip)
			e.flags(c.origin.machine)
		}
	}
}

func (w *waiting) decode(d *decoder) {
	for range d.count(5) {
		h := &held{id: d.string(), since: d.varint(), activated: int(d.uvarint()), shown: d.varint()}
		for range d.count(16) {
			c := claim{
				position: eventlog.Position(d.uvarint()), id: d.string(), metric: d.string(), slot: d.string(),
				value: d.float(), at: d.varint(), origin: origin{agent: d.string(), ip: d.string()},
			}
			d.flags(&c.origin.machine)
			h.claims = append(h.claims, c)
		}
		w.byID[h.id] = h
		w.queue.push(h)
		w.size += h.size()
	}
}

func (c *closedEvents) encode(e *encoder) {
	e.uvarint(uint64(c.queue.len()))
	for _, v := range c.queue.all() {
		e.uint64(v.hash)
		e.varint(v.at)
	}
}

func (c *closedEvents) decode(d *decoder) {
	for range d.count(9) {
		c.push(closedEvent{d.uint64(), d.varint()})
	}
}
