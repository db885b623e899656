package inbound

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// mapping is any sender of JSON, by expressions that say where in its payload our fields are.
type mapping struct {
	secrets
	each   expression // the list of events in a payload; nil: the payload, or its elements
	fields fields
}

// fields say where the parts of an event are. Those that are nil are never there.
type fields struct {
	id, kind, loop, eventID, slotID, userID, actionID, channel, userAgent, ip expression
	value, time, machine                                                      expression
}

func (m *mapping) read(_ context.Context, d *Delivery) ([]Item, error) {
	payload, err := parseJSON(d.Body)
	if err != nil {
		return nil, malformed("it is not JSON: %v", err)
	}
	events, err := m.events(payload)
	if err != nil {
		return nil, malformed("each: %v", err)
	}
	items := make([]Item, len(events))
	for i, e := range events {
		items[i] = m.fields.item(payload, e)
	}
	return items, nil
}

func (m *mapping) events(payload any) ([]any, error) {
	if m.each == nil {
		if list, ok := payload.([]any); ok {
			return list, nil
		}
		return []any{payload}, nil
	}
	v, err := m.each.of(payload, payload)
	if err != nil {
		return nil, err
	}
	if list, ok := v.([]any); ok {
		return list, nil
	}
	return nil, errors.New("expected a list of events")
}

// item reads one event. What cannot be read is said by the name of the field.
func (f *fields) item(payload, event any) Item {
	r := reader{payload: payload, event: event}
	e := Event{
		ID: r.text("id", f.id), Kind: r.text("kind", f.kind), Loop: r.text("loop", f.loop), EventID: r.text("event_id", f.eventID),
		SlotID: r.text("slot_id", f.slotID), UserID: r.text("user_id", f.userID), ActionID: r.text("action_id", f.actionID),
		Channel: r.text("channel", f.channel), UserAgent: r.text("user_agent", f.userAgent), IP: r.text("ip", f.ip),
		Time: r.time("time", f.time), Machine: r.flag("machine", f.machine),
	}
	var valued bool
	e.Value, valued = r.number("value", f.value)
	return Item{Event: e, Err: r.err, valued: valued}
}

// reader reads fields of one event, up to the first that cannot be read.
type reader struct {
	payload, event any
	err            error
}

func (r *reader) value(name string, x expression) any {
	if x == nil || r.err != nil {
		return nil
	}
	v, err := x.of(r.payload, r.event)
	if err != nil {
		r.fail(name, err)
	}
	return v
}

func (r *reader) fail(name string, err error) {
	if r.err == nil {
		r.err = &RefusedError{fmt.Sprintf("%s: %v", name, err)}
	}
}

func (r *reader) text(name string, x expression) string {
	text, err := textOf(r.value(name, x))
	if err != nil {
		r.fail(name, err)
	}
	return text
}

// number returns a number, and whether there is one.
func (r *reader) number(name string, x expression) (float64, bool) {
	switch v := r.value(name, x).(type) {
	case nil:
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, true
	default:
		r.fail(name, errors.New("expected a number"))
	}
	return 0, false
}

func (r *reader) flag(name string, x expression) bool {
	switch v := r.value(name, x).(type) {
	case nil:
	case bool:
		return v
	default:
		r.fail(name, errors.New("expected true or false"))
	}
	return false
}

// time takes RFC 3339, a time of CEL's, or unix seconds.
func (r *reader) time(name string, x expression) time.Time {
	switch v := r.value(name, x).(type) {
	case nil:
		return time.Time{}
	case time.Time:
		return v.UTC()
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return t.UTC()
		}
	case int64:
		if v > 0 && v < maxSeconds {
			return time.Unix(v, 0).UTC()
		}
	case float64:
		if v > 0 && v < maxSeconds {
			whole, part := math.Modf(v)
			return time.Unix(int64(whole), int64(part*1e9)).UTC()
		}
	}
	r.fail(name, errors.New("expected a time: RFC 3339, or seconds since 1970"))
	return time.Time{}
}

// maxSeconds is in the year 5138: what is beyond it was meant as milliseconds.
const maxSeconds = 1e11
