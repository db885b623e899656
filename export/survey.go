package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// checkEvery is after how many records a reader looks whether it is to stop, and tells how far it is.
const checkEvery = 4096

// survey is what has to be known of the whole log before its records can be joined.
type survey struct {
	first       eventlog.Position // of the first record; 0 for an empty log
	records     uint64
	began       time.Time                    // of the first record that is readable
	definitions map[string]*learn.Definition // the last good one of each loop
	broken      map[string]error             // why a loop's last file is not one
	decided     map[string]uint64            // decisions by loop
	damage      []Damage
}

// take reads the whole log for its loop files.
func take(ctx context.Context, log *eventlog.Log, o *Options) (*survey, error) {
	s := &survey{
		definitions: map[string]*learn.Definition{}, broken: map[string]error{}, decided: map[string]uint64{},
	}
	for _, d := range o.Definitions {
		s.definitions[d.Loop.Name] = d
	}
	return s, eachRecord(ctx, log, o.tell(0, log.End()), func(pos eventlog.Position, payload []byte) error {
		s.records++
		r, err := decode(payload)
		if s.first == 0 {
			s.first = pos
		}
		if err != nil {
			s.damage = append(s.damage, damagedRecord(pos, err))
			return nil
		}
		if s.began.IsZero() {
			s.began = time.Unix(0, r.GetTimeUnixNanos())
		}
		if d := r.GetDecision(); d != nil {
			s.decided[d.GetLoop()]++
		} else if c := r.GetLoopChange(); c != nil && !c.GetRemoved() {
			s.put(o.Compile, c)
		}
		return nil
	})
}

// put notes a loop file. One that this version cannot compile leaves the one before in force, as in the learner.
func (s *survey) put(compile learn.Compile, c *logv1.LoopChange) {
	d, err := compile(c.GetPath(), c.GetFile())
	if err == nil && d.Loop.Name != c.GetLoop() {
		err = fmt.Errorf("the file is of loop %q", d.Loop.Name)
	}
	if err != nil {
		s.broken[c.GetLoop()] = err
		return
	}
	s.definitions[c.GetLoop()] = d
}

// wanted returns the definitions of the loops that are to be exported.
func (s *survey) wanted(loop string) (map[string]*learn.Definition, error) {
	if loop != "" && s.decided[loop] == 0 {
		return nil, fmt.Errorf("the log has no decision of loop %q; there are those of: %s", loop, s.names())
	}
	out := map[string]*learn.Definition{}
	for _, name := range slices.Sorted(maps.Keys(s.decided)) {
		if loop != "" && name != loop {
			continue
		}
		d := s.definitions[name]
		if d == nil && s.broken[name] != nil {
			return nil, fmt.Errorf("loop %q: the loop file in the log: %w", name, s.broken[name])
		}
		if d == nil {
			return nil, fmt.Errorf("loop %q: %w", name, ErrNoLoopFile)
		}
		out[name] = d
	}
	return out, nil
}

func (s *survey) names() string {
	names := slices.Sorted(maps.Keys(s.decided))
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// cutOff reports whether the log has only the end of a day, or of what clocks that went back put there, as retention
// has taken what was before.
func (s *survey) cutOff(day string) bool {
	return s.first > 1 && day <= s.began.UTC().Format(time.DateOnly)
}

var errNoBody = errors.New("a record without a known body")

// decode returns a record, or why it is none.
func decode(payload []byte) (*logv1.Record, error) {
	r, err := eventlog.Unmarshal(payload)
	if err == nil && r.Body == nil {
		err = errNoBody
	}
	return r, err
}

// eachRecord calls visit with each record in order.
func eachRecord(ctx context.Context, log *eventlog.Log, tell func(eventlog.Position), visit func(eventlog.Position, []byte) error) error {
	reader := log.NewReader(1)
	defer reader.Close() //nolint:errcheck // It was only read.
	for n := 1; ; n++ {
		pos, payload, err := reader.TryNext()
		if errors.Is(err, io.EOF) {
			tell(log.End())
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read the event log: %w", err)
		}
		if err := visit(pos, payload); err != nil {
			return err
		}
		if n%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			tell(pos)
		}
	}
}
