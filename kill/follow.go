package kill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/nextbest/nextbest/audit"
)

// every is how often the file and the shared memory are looked at: all is in force within a second, with room.
const every = 200 * time.Millisecond

// FileName is the file of switches in the directory of loop files.
const FileName = "kill.yaml"

// maxFile bounds the file.
const maxFile = 1 << 20

// document is the file. `all: true` switches everything off.
type document struct {
	All   bool     `yaml:"all"`
	Kills []Target `yaml:"kills"`
}

// Follow keeps the switch up to date with the file at a path and the shared memory, until ctx is done.
func (s *Switch) Follow(ctx context.Context, path string) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s.look(ctx, path)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Switch) look(ctx context.Context, path string) {
	s.readFile(ctx, path)
	if s.shared != nil {
		limited, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		s.readShared(limited)
	}
}

// FileError returns why the file is not in force as it stands, "" when it is.
func (s *Switch) FileError() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fileError
}

// readFile puts the file in force. A broken one leaves the last good one, and what it said, in force.
func (s *Switch) readFile(ctx context.Context, path string) {
	found, err := parseFile(path, s.now().UTC())
	s.mu.Lock()
	if err != nil {
		if s.fileError != err.Error() {
			s.fileError = err.Error()
			s.logger.Error("the file of the kill switch cannot be used; what it said last is in force", "error", err)
		}
		s.mu.Unlock()
		return
	}
	s.fileError = ""
	var changes []audit.Entry
	for t, k := range found {
		if _, was := s.file[t]; was {
			found[t] = s.file[t]
			continue
		}
		changes = append(changes, audit.Entry{Kind: "kill.file", Actor: FileActor, Loop: t.Loop, Subject: t.Action, Reason: path, After: textOf(k)})
	}
	for t, k := range s.file {
		if _, is := found[t]; !is {
			changes = append(changes, audit.Entry{Kind: "kill.file", Actor: FileActor, Loop: t.Loop, Subject: t.Action, Reason: path, Before: textOf(k)})
		}
	}
	if len(changes) == 0 {
		s.mu.Unlock()
		return
	}
	s.file = found
	s.publish()
	s.mu.Unlock()
	for _, e := range changes {
		if _, err := s.journal.Append(ctx, e); err != nil {
			s.logger.Error("a change of the kill switch's file is in force, and not recorded", "target", Target{e.Loop, e.Subject}, "error", err)
		}
	}
}

// parseFile reads the file; there need not be one.
func parseFile(path string, now time.Time) (set, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return set{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s: the file has more than %d bytes", path, maxFile)
	}
	var d document
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&d); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if d.All {
		d.Kills = append(d.Kills, Target{})
	}
	found := set{}
	for i, t := range d.Kills {
		if t == (Target{}) && !d.All {
			return nil, fmt.Errorf("%s: kills[%d] names nothing: give loop, or loop and action, or all: true for everything", path, i)
		}
		if err := t.Check(); err != nil {
			return nil, fmt.Errorf("%s: kills[%d]: %w", path, i, err)
		}
		found[t] = Kill{Target: t, Actor: FileActor, Reason: path, Since: now}
	}
	return found, nil
}

// readShared takes over what all processes have in common. While it cannot be read, what is in force stays. Where it was lost,
// it is made again from what this process knows.
func (s *Switch) readShared(ctx context.Context) {
	if err := s.tellAll(ctx); err != nil {
		s.unreachable(err)
		return
	}
	s.mu.Lock()
	changes := s.changes
	s.mu.Unlock()
	texts, there, err := s.shared.Kills(ctx)
	if err != nil {
		s.unreachable(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale {
		s.stale = false
		s.logger.Info("the switches of other replicas can be read again")
	}
	switch {
	case s.changes != changes: // The next look sees what has become of it.
	case !there:
		for t, k := range s.operators {
			s.untold[t] = k
		}
	default:
		s.operators = s.parse(texts)
		s.publish()
	}
}

// tellAll tells the shared memory what it does not have yet.
func (s *Switch) tellAll(ctx context.Context) error {
	s.mu.Lock()
	untold := maps.Clone(s.untold)
	s.mu.Unlock()
	for t, k := range untold {
		if err := s.tell(ctx, t, &k); err != nil {
			return err
		}
	}
	return nil
}

// parse reads what the shared memory holds.
func (s *Switch) parse(texts map[string]string) set {
	found := set{}
	for key, text := range texts {
		var t Target
		var k Kill
		if json.Unmarshal([]byte(key), &t) != nil || t.Check() != nil {
			s.logger.Error("a switch in the shared memory makes no sense", "target", key)
			continue
		}
		if json.Unmarshal([]byte(text), &k) != nil {
			k = Kill{Actor: "unknown", Since: s.now().UTC()} // Off is off.
		}
		k.Target = t
		found[t] = k
	}
	return found
}

func (s *Switch) unreachable(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stale {
		s.stale = true
		s.logger.Warn("the switches of other replicas cannot be read; what is known stays in force", "error", err)
	}
}
