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

// newestFile returns the loop's newest file in the log that this version can compile, nil when there is none though the
// log has the loop. A loop that the log does not know is an error that names those it has.
func newestFile(ctx context.Context, log *eventlog.Log, name string) (*learn.Definition, error) {
	f := finder{loop: name, others: map[string]struct{}{}}
	if err := f.scan(ctx, log); err != nil {
		return nil, fmt.Errorf("look for the file of loop %q: %w", name, err)
	}
	switch {
	case f.found != nil:
		return f.found, nil
	case f.err != nil:
		return nil, fmt.Errorf("the log's file of loop %q: %w", name, f.err)
	case f.known:
		return nil, nil
	case len(f.others) == 0:
		return nil, fmt.Errorf("the log has no loop %q, and no other", name)
	}
	return nil, fmt.Errorf("the log has no loop %q; it has %s", name, strings.Join(slices.Sorted(maps.Keys(f.others)), ", "))
}

type finder struct {
	loop   string
	found  *learn.Definition
	err    error // why the newest file did not compile
	known  bool  // the log has records of the loop
	others map[string]struct{}
}

func (f *finder) scan(ctx context.Context, log *eventlog.Log) error {
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
		f.see(payload)
	}
	return ctx.Err()
}

// Fields of logv1.Record that are bodies; each body's field 1 is its loop.
const (
	firstBody  = 2
	loopChange = 5
	lastBody   = 8
)

// see looks at one record. Only loop changes are decoded: there are few of them among millions.
func (f *finder) see(payload []byte) {
	body, name := bodyOf(payload)
	if body == 0 {
		return
	}
	if string(name) != f.loop {
		if _, ok := f.others[string(name)]; !ok {
			f.others[string(name)] = struct{}{}
		}
		return
	}
	f.known = true
	if body != loopChange {
		return
	}
	if r, err := eventlog.Unmarshal(payload); err == nil {
		f.change(r.GetLoopChange())
	}
}

func (f *finder) change(c *logv1.LoopChange) {
	if c.GetRemoved() {
		return
	}
	d, err := loop.Compile(c.GetPath(), c.GetFile())
	if err == nil && d.Loop.Name != f.loop {
		err = fmt.Errorf("the file is of loop %q", d.Loop.Name)
	}
	if f.err = err; err == nil {
		f.found = d
	}
}

// bodyOf returns the field number of a record's body and the loop that it is of, 0 for none.
func bodyOf(b []byte) (protowire.Number, []byte) {
	for len(b) > 0 {
		n, t, w := protowire.ConsumeTag(b)
		if w < 0 {
			return 0, nil
		}
		b = b[w:]
		if t == protowire.BytesType && n >= firstBody && n <= lastBody {
			body, _ := protowire.ConsumeBytes(b)
			return n, loopIn(body)
		}
		if w = protowire.ConsumeFieldValue(n, t, b); w < 0 {
			return 0, nil
		}
		b = b[w:]
	}
	return 0, nil
}

// loopIn returns field 1 of a body, which is written first.
func loopIn(body []byte) []byte {
	n, t, w := protowire.ConsumeTag(body)
	if w < 0 || n != 1 || t != protowire.BytesType {
		return nil
	}
	name, _ := protowire.ConsumeBytes(body[w:])
	return name
}
