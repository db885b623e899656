package inbound

import (
	"context"
	"math"
	"net/http"
	"slices"
	"time"
)

// Delivery is one request of a sender.
type Delivery struct {
	Header http.Header
	Body   []byte // as it was sent: signatures are over bytes
}

// Item is one event of a delivery: what it is, or why it cannot be read.
type Item struct {
	Event   Event
	Ignored bool  // its kind is mapped to nothing
	Err     error // why it can never be taken

	valued bool // the event brings a value
}

// Fetcher gets what is behind an address of a sender, for SNS alone: its signing certificates, and the address that confirms a
// subscription. Only https addresses of SNS hosts are asked for; it must follow no redirects, bound what it reads and keep to
// ctx.
type Fetcher interface {
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// format is one sender's way to report.
type format interface {
	// verify returns ErrUnverified or ErrUnavailable unless the delivery is the sender's.
	verify(ctx context.Context, d *Delivery, now time.Time) error
	// read returns the events of a verified delivery, or ErrMalformed. Items lack Source, and what rules say.
	read(ctx context.Context, d *Delivery) ([]Item, error)
}

// Source is one sender, as an entry of a webhook file has it. It is safe for use by several goroutines.
type Source struct {
	Name string
	// Unverified says that anyone may deliver.
	Unverified bool

	format  format
	loop    string // of events that do not say it
	channel string
	rules   map[string]rule // by kind
}

// Sources are all senders of the webhook files.
type Sources struct {
	byName map[string]*Source
}

// Get returns the named source.
func (s *Sources) Get(name string) (*Source, bool) {
	source, ok := s.byName[name]
	return source, ok
}

// Names returns the names of all sources, sorted.
func (s *Sources) Names() []string {
	names := make([]string, 0, len(s.byName))
	for name := range s.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Receive verifies a delivery that arrived at now, reads it, and maps its events. The error is one of ErrUnverified,
// ErrMalformed, ErrUnavailable; a single bad event is an Item with an error.
func (s *Source) Receive(ctx context.Context, d *Delivery, now time.Time) ([]Item, error) {
	if err := s.format.verify(ctx, d, now); err != nil {
		return nil, err
	}
	items, err := s.read(ctx, d)
	if err != nil {
		return nil, err
	}
	for i := range items {
		s.apply(&items[i])
	}
	return items, nil
}

// read reads a delivery. Parsers are others' projects and meet whatever is sent: a fault in one must cost one delivery.
func (s *Source) read(ctx context.Context, d *Delivery) (items []Item, err error) {
	defer func() {
		if r := recover(); r != nil {
			items, err = nil, malformed("%v", r)
		}
	}()
	return s.format.read(ctx, d)
}

// apply adds to an event what the webhook file says of it.
func (s *Source) apply(it *Item) {
	e := &it.Event
	e.Source = s.Name
	e.clean()
	if it.Err != nil {
		return
	}
	r, mapped := s.rules[e.Kind]
	if !mapped {
		it.Ignored = true
		return
	}
	e.Activate, e.Metric = r.Activate, r.Metric
	switch {
	case r.Value != nil:
		e.Value = *r.Value
	case !r.Activate && !it.valued: // 0 would be a value like any other
		it.Err = &RefusedError{"it has no value, and its rule names none"}
		return
	}
	if e.Loop == "" {
		e.Loop = s.loop
	}
	if e.Channel == "" {
		e.Channel = s.channel
	}
	it.Err = check(e)
}

// check says what an event lacks to be reported.
func check(e *Event) error {
	switch {
	case e.ID == "":
		return &RefusedError{"it has no id, by which a redelivery could be known"}
	case e.EventID != "" && e.Loop == "":
		return &RefusedError{"it names an event and no loop: carry the loop's name, or give the source a loop"}
	case math.IsNaN(e.Value) || math.IsInf(e.Value, 0):
		return &RefusedError{"its value is not a finite number"}
	}
	return nil
}
