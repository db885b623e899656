package decision

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// choices completes in with its time zone and, in a loop of send times, with the times to choose among. What is held of their
// minutes is in the result.
func (d *Decider) choices(ctx context.Context, l *Loop, req *Request, in *Input) (places, error) {
	asked := ""
	if req.Send != nil {
		asked = req.Send.TimeZone
	}
	if err := d.place(l, in, asked); err != nil || l.Send == nil {
		return places{}, err
	}
	w, err := newSendWindow(l.Send, req.Send, in.Time, in.Zone)
	if err != nil {
		return places{}, err
	}
	in.Send, in.Actions = w, d.windows.actions(w)
	if d.Kills != nil && len(d.Kills.Killed(nil, l.Name, killedSends)) > 0 {
		for i := range w.Times() {
			in.Killed = append(in.Killed, i)
		}
	}
	if w.PerMinute == 0 {
		return places{}, nil
	}
	return d.paces.hold(ctx, l.Name, w, in.Time)
}

// killedSends is what the kill switch is asked about.
var killedSends = []Action{{ID: SendAction}}

// paces counts the sends of each minute of each campaign. A place in the first minute with room is held at each of the times
// that a decision chooses among until it is decided: what is drawn from are exactly the times at which the send has a
// place, so that the probabilities are those of what is sent. The zero value is ready.
type paces struct {
	mu        sync.Mutex
	campaigns map[paceKey]*campaign
	swept     int64 // the minute when what is past was last forgotten
}

type paceKey struct{ loop, campaign string }

type campaign struct {
	taken   map[int64]int32 // sends by minute, since 1970
	held    map[int64]int32 // places held for decisions under way
	changed chan struct{}   // closed when a place is given back; nil while nobody waits
}

// places are those held for one decision. The zero value holds none.
type places struct {
	paces *paces
	of    *campaign
	times []int64
	held  []int64 // minutes, by time; of full times, notHeld
}

const notHeld = -1

// hold finds the send a minute at each time of the window, holds it, and notes it in the window. Where all minutes of a time
// are full only with what others hold, it waits for them until ctx is done. Of minutes before now nothing is kept.
func (p *paces) hold(ctx context.Context, loop string, w *SendWindow, now time.Time) (places, error) {
	h := places{paces: p, times: w.Times()}
	for {
		p.mu.Lock()
		h.of = p.campaign(paceKey{loop, w.Campaign}, now.Unix()/60)
		wait := h.take(w)
		if wait == nil {
			p.mu.Unlock()
			h.note(w)
			return h, nil
		}
		p.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return places{}, fmt.Errorf("wait for a minute with room in campaign %q: %w", w.Campaign, ctx.Err())
		}
	}
}

// campaign returns a campaign's counts, made where there are none. p.mu is held.
func (p *paces) campaign(key paceKey, minute int64) *campaign {
	if p.campaigns == nil {
		p.campaigns = make(map[paceKey]*campaign)
	}
	if minute > p.swept {
		p.swept = minute
		p.forget(minute)
	}
	c := p.campaigns[key]
	if c == nil {
		c = &campaign{taken: make(map[int64]int32), held: make(map[int64]int32)}
		p.campaigns[key] = c
	}
	return c
}

// forget drops minutes that are past. p.mu is held.
func (p *paces) forget(before int64) {
	for key, c := range p.campaigns {
		for minute := range c.taken {
			if minute < before {
				delete(c.taken, minute)
			}
		}
		if len(c.taken) == 0 && len(c.held) == 0 {
			delete(p.campaigns, key)
		}
	}
}

// take holds a minute at each time; or none at all, and returns what to wait for, where one is full only with what is held.
func (h *places) take(w *SendWindow) <-chan struct{} {
	limit := int32(w.PerMinute)
	h.held = slices.Grow(h.held[:0], len(h.times))
	for i := range h.times {
		minute, waiting := h.of.room(h.times[i]/60, w.until(h.times, i)/60, limit)
		if waiting {
			h.release()
			h.held = h.held[:0]
			if h.of.changed == nil {
				h.of.changed = make(chan struct{})
			}
			return h.of.changed
		}
		if h.held = append(h.held, minute); minute != notHeld {
			h.of.held[minute]++
		}
	}
	return nil
}

// room returns the first of some minutes with room, and whether there is none only for what is held.
func (c *campaign) room(from, to int64, limit int32) (minute int64, waiting bool) {
	for m := from; m <= to; m++ {
		taken := c.taken[m]
		if taken+c.held[m] < limit {
			return m, false
		}
		waiting = waiting || taken < limit
	}
	return notHeld, waiting
}

// note writes what is held into the window.
func (h *places) note(w *SendWindow) {
	w.Places = make([]int32, len(h.times))
	for i, minute := range h.held {
		if w.Places[i] = FullMinutes; minute != notHeld {
			w.Places[i] = int32(minute - h.times[i]/60)
		}
	}
}

// settle takes the place of what was decided, and gives the others back; nil: nothing was.
func (h *places) settle(r *Record) {
	if h.paces == nil {
		return
	}
	served := notHeld
	if r != nil {
		if at := r.Choices[0].Served(); at >= 0 && at < len(h.held) {
			served = at
		}
	}
	h.paces.mu.Lock()
	defer h.paces.mu.Unlock()
	if served >= 0 {
		h.of.taken[h.held[served]]++
	}
	h.release()
	if h.of.changed != nil {
		close(h.of.changed)
		h.of.changed = nil
	}
}

// release gives back what is held. The lock is held.
func (h *places) release() {
	for _, minute := range h.held {
		if minute == notHeld {
			continue
		}
		if h.of.held[minute]--; h.of.held[minute] == 0 {
			delete(h.of.held, minute)
		}
	}
}

// RestorePace counts a logged send again, after a restart.
func (d *Decider) RestorePace(r *Record) {
	at, sends := r.SendAt()
	if !sends || r.Send.PerMinute == 0 {
		return
	}
	d.paces.mu.Lock()
	defer d.paces.mu.Unlock()
	c := d.paces.campaign(paceKey{r.Loop, r.Send.Campaign}, 0)
	c.taken[at.Unix()/60]++
}
