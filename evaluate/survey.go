package evaluate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// survey is what a first pass finds out about a loop. It decodes only what it needs: the pass that folds takes many times
// as long.
type survey struct {
	loop   string
	newest *learn.Definition // the newest file that this version can compile
	err    error             // why a newer one does not compile
	known  bool              // the log has records of the loop
	others map[string]struct{}
	cut    uint64 // number of the last cut
	lag    uint64 // by how many cuts the snapshot of a decision was behind the log's last one, at most
}

// surveyOf reads the whole log. A loop that the log does not know is an error that names those it has.
func surveyOf(ctx context.Context, log *eventlog.Log, name string) (*survey, error) {
	s := &survey{loop: name, others: map[string]struct{}{}}
	if err := s.scan(ctx, log); err != nil {
		return nil, fmt.Errorf("look for loop %q in the log: %w", name, err)
	}
	switch {
	case s.newest == nil && s.err != nil:
		return nil, fmt.Errorf("the log's file of loop %q: %w", name, s.err)
	case s.known:
		return s, nil
	case len(s.others) == 0:
		return nil, fmt.Errorf("the log has no loop %q, and no other", name)
	}
	return nil, fmt.Errorf("the log has no loop %q; it has %s", name, strings.Join(slices.Sorted(maps.Keys(s.others)), ", "))
}

func (s *survey) scan(ctx context.Context, log *eventlog.Log) error {
	r := log.NewReader(0)
	defer r.Close() //nolint:errcheck // It was only read.
	for ctx.Err() == nil {
		_, payload, err := r.TryNext()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.see(payload)
	}
	return ctx.Err()
}

// Fields of logv1.Record that are bodies. Each body's field 1 is its loop, a decision's field 4 its snapshot.
const (
	bodyDecision   = 2
	bodyLoopChange = 5
	bodyCut        = 6
	bodyLast       = 8

	fieldLoop     = 1
	fieldSnapshot = 4
)

func (s *survey) see(payload []byte) {
	kind, body := bodyOf(payload)
	if kind == 0 {
		return
	}
	name := textIn(body, fieldLoop)
	if string(name) != s.loop {
		if _, ok := s.others[string(name)]; !ok {
			s.others[string(name)] = struct{}{}
		}
		return
	}
	s.known = true
	switch kind {
	case bodyDecision:
		if number := learn.SnapshotNumber(string(textIn(body, fieldSnapshot))); number < s.cut {
			s.lag = max(s.lag, s.cut-number)
		}
	case bodyLoopChange, bodyCut:
		if r, err := eventlog.Unmarshal(payload); err == nil {
			s.change(r.GetLoopChange())
			s.cut = max(s.cut, r.GetCut().GetNumber())
		}
	}
}

func (s *survey) change(c *logv1.LoopChange) {
	if c == nil || c.GetRemoved() {
		return
	}
	d, err := loop.Compile(c.GetPath(), c.GetFile())
	if err == nil && d.Loop.Name != s.loop {
		err = fmt.Errorf("the file is of loop %q", d.Loop.Name)
	}
	if s.err = err; err == nil {
		s.newest = d
	}
}

// bodyOf returns the field number and the bytes of a record's body, 0 for none.
func bodyOf(record []byte) (kind protowire.Number, body []byte) {
	eachField(record, func(n protowire.Number, value []byte) bool {
		if n >= bodyDecision && n <= bodyLast {
			kind, body = n, value
		}
		return kind == 0
	})
	return kind, body
}

// textIn returns a text field of a body, whose fields are written in the order of their numbers.
func textIn(body []byte, field protowire.Number) (text []byte) {
	eachField(body, func(n protowire.Number, value []byte) bool {
		if n == field {
			text = value
		}
		return n < field
	})
	return text
}

// eachField calls f with the fields of a message, the value being nil where it is no bytes, until f returns false or what
// follows is no field.
func eachField(message []byte, f func(protowire.Number, []byte) bool) {
	for len(message) > 0 {
		n, t, w := protowire.ConsumeTag(message)
		if w < 0 {
			return
		}
		message = message[w:]
		var value []byte
		if t == protowire.BytesType {
			value, w = protowire.ConsumeBytes(message)
		} else {
			w = protowire.ConsumeFieldValue(n, t, message)
		}
		if w < 0 || !f(n, value) {
			return
		}
		message = message[w:]
	}
}
