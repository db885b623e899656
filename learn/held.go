package learn

// MaxHeld bounds the rewards and activations per loop that wait for their decision. Beyond it the oldest give way and
// become orphans: what is really early is so by milliseconds, what is not may wait for ever.
const MaxHeld = 1 << 16

// held is what came for an event before its decision.
type held struct {
	id        string
	since     int64 // log time of the first
	activated int   // number of activations
	shown     int64 // when it was shown or sent, by the first activation that says so, in unix nanoseconds; 0: as decided
	claims    []claim
}

func (h *held) size() int { return h.activated + len(h.claims) }

// waiting holds what waits for its decision, oldest first.
type waiting struct {
	byID  map[string]*held
	queue queue[*held] // may hold those that have been taken: byID decides
	size  int
}

func (w *waiting) get(id string, now int64) *held {
	h := w.byID[id]
	if h == nil {
		h = &held{id: id, since: now}
		w.byID[id] = h
		w.queue.push(h)
	}
	return h
}

func (w *waiting) activation(id string, now, shown int64) {
	h := w.get(id, now)
	if h.activated++; h.shown == 0 {
		h.shown = shown
	}
	w.size++
}

func (w *waiting) claim(id string, now int64, c claim) {
	h := w.get(id, now)
	h.claims = append(h.claims, c)
	w.size++
}

// take returns what waits for the event and forgets it; nil when there is nothing.
func (w *waiting) take(id string) *held {
	h := w.byID[id]
	if h == nil {
		return nil
	}
	delete(w.byID, id)
	w.size -= h.size()
	return h
}

// expired takes the oldest that came before the given time, or for which there is no room; nil when there is none.
func (w *waiting) expired(before int64) *held {
	for w.queue.len() > 0 {
		h := w.queue.front()
		if w.byID[h.id] != h { // Its decision has come.
			w.queue.pop()
			continue
		}
		if h.since >= before && w.size <= MaxHeld {
			return nil
		}
		w.queue.pop()
		return w.take(h.id)
	}
	return nil
}
