package challenger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"

	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// file is a challenger's file as it was last found.
type file struct {
	name, path string
	definition *learn.Definition // nil when broken
	err        error
}

// same reports whether a change says what is known.
func (f *file) same(c *loop.Change) bool {
	switch {
	case c.Definition != nil && f.definition != nil:
		return c.Definition.SHA256 == f.definition.SHA256
	case c.Err != nil && f.err != nil:
		return c.Err.Error() == f.err.Error()
	}
	return false
}

// files are the challengers of one loop, as its folder has them.
type files struct {
	mu     sync.Mutex
	byName map[string]file
	err    error  // why the folder cannot be read
	looked uint64 // changes so far
}

// load reads the folder as it is now: before it was read once, nobody knows which challengers have gone.
func (f *files) load(dir string, logger *slog.Logger) {
	found, err := loop.LoadEach(dir)
	if err != nil {
		f.apply(loop.Change{Path: dir, Err: err}, logger)
	}
	for _, c := range found {
		f.apply(c, logger)
	}
}

// follow follows the folder, once it is there, until ctx is done. Most loops have none, and the system has few watches to give.
func (f *files) follow(ctx context.Context, dir string, o Options) {
	for _, err := os.Stat(dir); err != nil; _, err = os.Stat(dir) {
		if rest(ctx, o.Poll) != nil {
			return
		}
	}
	loop.Watch(ctx, dir, nil, func(c loop.Change) { f.apply(c, o.Logger) }, loop.WatchOptions{Poll: o.Poll, Settle: o.Settle})
}

func (f *files) apply(c loop.Change, logger *slog.Logger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old, ok := f.byName[c.Name]; ok && old.same(&c) {
		return
	}
	f.looked++
	switch {
	case c.Name == "" && errors.Is(c.Err, os.ErrNotExist):
		clear(f.byName)
		f.err = nil
	case c.Name == "":
		f.err = c.Err
	case c.Removed:
		delete(f.byName, c.Name)
		logger.Info("challenger's file is gone", "path", c.Path)
	default:
		f.byName[c.Name] = file{c.Name, c.Path, c.Definition, c.Err}
		if c.Err != nil {
			logger.Error("challenger's file is broken", "path", c.Path, "error", c.Err)
		}
	}
}

// sorted returns the files by name, those that may not challenge the base with an error, and the number of changes that led
// to them.
func (f *files) sorted(base *learn.Definition) ([]file, uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]file, 0, len(f.byName))
	for _, name := range slices.Sorted(maps.Keys(f.byName)) {
		one := f.byName[name]
		if one.definition != nil {
			if err := comparable(base, one.definition); err != nil {
				one.definition, one.err = nil, fmt.Errorf("%s:1:1: %w", one.path, err)
			}
		}
		all = append(all, one)
	}
	return all, f.looked, f.err
}

func (f *files) changes() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looked
}

// comparable says why a challenger cannot be compared with the loop's own file: gains are in the unit of one reward, on
// actions that both can serve. Which slots a model learns from changes nothing about what they are worth.
func comparable(base, d *learn.Definition) error {
	worth := d.Reward
	worth.Model = base.Reward.Model
	switch {
	case base.Loop.Send != nil || d.Loop.Send != nil:
		return fmt.Errorf("loops of send times have no challengers: evaluations do not learn users' hours")
	case !reflect.DeepEqual(base.Reward, worth):
		return fmt.Errorf("reward must be that of %s, or gains would be in another unit: copy it", filepath.Base(base.Path))
	case len(base.Loop.Actions) == 0 && len(d.Loop.Actions) > 0:
		return fmt.Errorf("actions must be from_request, as in %s", filepath.Base(base.Path))
	case len(base.Loop.Actions) > 0 && len(d.Loop.Actions) == 0:
		return fmt.Errorf("actions must be a catalogue, as in %s", filepath.Base(base.Path))
	}
	return nil
}
