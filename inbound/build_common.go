package inbound

import (
	"errors"
	"math"
	"slices"
	"strings"
)

// fields compiles a mapping.
func (b *builder) fields(m mapConfig) fields {
	var f fields
	into := f.into()
	for i, k := range m.keys() {
		*into[i] = b.expression(*k.text, "map", k.name)
	}
	return f
}

func (b *builder) expression(text string, path ...string) expression {
	if text == "" {
		return nil
	}
	c, err := newCompiler()
	b.check(err, path...)
	if err != nil {
		return nil
	}
	x, err := c.compile(text)
	b.check(err, path...)
	return x
}

// checkVerified sees to it that what anyone may send is meant to be so.
func (b *builder) checkVerified(unverified, verified bool, how string) {
	b.unverified = unverified
	switch {
	case unverified && verified:
		b.failf([]string{"unverified"}, "unverified has no meaning beside %s: remove one of them", how)
	case !unverified && !verified:
		b.failf([]string{"type"}, "nothing says that a delivery is the sender's: give %s, or say unverified: true", how)
	}
}

// checkCommon checks what all types have. known says that the kinds of events are ours, valued that events bring values.
func (b *builder) checkCommon(known, valued bool) {
	c := b.common
	if c.Loop != "" && !sourceName.MatchString(c.Loop) {
		b.failf([]string{"loop"}, "loop: %q is not the name of a loop", c.Loop)
	}
	if len(c.Events) == 0 {
		b.failf([]string{"events"}, "events is missing: say what kinds of events are worth, as in open: {metric: open, value: 1}")
	}
	for kind, r := range c.Events {
		path := []string{"events", kind}
		if known && !slices.Contains(kinds(), kind) {
			b.failf(path, "events.%s is not a kind of event; known are %s", kind, strings.Join(kinds(), ", "))
		}
		b.check(r.problem(valued), path...)
	}
}

func (r *rule) problem(valued bool) error {
	switch {
	case r.Activate && (r.Metric != "" || r.Value != nil):
		return errors.New("activate stands alone: an activation has no metric and no value")
	case r.Activate:
		return nil
	case len(r.Metric) > 64:
		return errors.New("metric has more than 64 bytes")
	case r.Value == nil && !valued:
		return errors.New("give value, or activate: true")
	case r.Value != nil && (math.IsNaN(*r.Value) || math.IsInf(*r.Value, 0)):
		return errors.New("value must be a finite number")
	}
	return nil
}
