package loop

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/nextbest/nextbest/learn"
)

// WatchOptions are the times of Watch. The zero value is right for a server.
type WatchOptions struct {
	// Settle is how long a file must have been the same before it is believed: 200 ms, well above the pauses of an
	// editor that saves, and below what a person notices.
	Settle time.Duration
	// Poll is how often the directory is read when nothing was notified: 10 s. Network file systems, and files that
	// are links to elsewhere, notify of nothing.
	Poll time.Duration
	// Logger is told when only polling is left. None by default.
	Logger *slog.Logger
}

func (o WatchOptions) withDefaults() WatchOptions {
	if o.Settle <= 0 {
		o.Settle = 200 * time.Millisecond
	}
	if o.Poll <= 0 {
		o.Poll = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Watch calls onChange for every loop file of a directory that changes, itself or in what it includes, from what current
// says, which is what Load returned: with its Definition when it is good, with the error when it is broken (the last good one should go on), and
// when it is removed. A file is told once per content. Files that Load could not compile are told as well. Calls come
// one at a time, from Watch's own goroutine; Watch returns when ctx is done and no call is under way.
//
// While the directory itself cannot be read, that is told, and no file counts as removed. When it can be read again, a
// Change is told that has only the directory's Path.
func Watch(ctx context.Context, dir string, current []*learn.Definition, onChange func(Change), o WatchOptions) {
	o = o.withDefaults()
	w := &watcher{dir: dir, tracker: newTracker(o.Settle, current), onChange: onChange, options: o}
	w.notify()
	if w.fs != nil {
		defer w.fs.Close()
	}
	w.run(ctx)
}

type watcher struct {
	dir      string
	tracker  *tracker
	onChange func(Change)
	options  WatchOptions
	known    known
	fs       *fsnotify.Watcher // nil when the system has none to give
	trouble  string            // why the directory cannot be read, as last told
	deaf     string            // why changes are not notified, as last told
}

// notify asks the system to notify of changes. Asking again is harmless, and finds a directory that was replaced.
func (w *watcher) notify() {
	if w.fs == nil {
		fs, err := fsnotify.NewWatcher()
		if err != nil {
			w.polledOnly(err)
			return
		}
		w.fs = fs
	}
	if err := w.fs.Add(w.dir); err != nil {
		w.polledOnly(err)
		return
	}
	w.deaf = ""
	w.notifyFolders()
}

// notifyFolders asks for the folders of what loop files include, once they are there. A folder that comes is notified by
// the directory that it comes into.
func (w *watcher) notifyFolders() {
	if w.fs == nil {
		return
	}
	for _, folder := range []string{GuardrailFolder, BrandFolder} {
		path := filepath.Join(home(filepath.Join(w.dir, "loop.yaml")), folder)
		if err := w.fs.Add(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.options.Logger.Warn("included files are polled only", "dir", path, "error", err)
		}
	}
}

// polledOnly says so once for each cause.
func (w *watcher) polledOnly(err error) {
	if w.deaf != err.Error() {
		w.deaf = err.Error()
		w.options.Logger.Warn("loop files are polled only", "dir", w.dir, "every", w.options.Poll, "error", err)
	}
}

func (w *watcher) run(ctx context.Context) {
	poll := time.NewTicker(w.options.Poll)
	defer poll.Stop()
	look := time.NewTimer(0)
	defer look.Stop()
	looking := true // the timer runs
	soon := func() {
		if !looking {
			look.Reset(w.options.Settle)
			looking = true
		}
	}
	for {
		events, errs := w.channels()
		select {
		case <-ctx.Done():
			return
		case <-events:
			soon()
		case err := <-errs: // among them an overflow: something was missed
			w.options.Logger.Warn("notification of loop files", "dir", w.dir, "error", err)
			soon()
		case <-poll.C:
			w.notify()
			soon()
		case <-look.C:
			looking = false
			if w.look() {
				soon()
			}
		}
	}
}

// channels returns those of fsnotify, nil ones when there is none.
func (w *watcher) channels() (<-chan fsnotify.Event, <-chan error) {
	if w.fs == nil {
		return nil, nil
	}
	return w.fs.Events, w.fs.Errors
}

// look reads the directory, tells what can be told, and reports whether to look again.
func (w *watcher) look() (again bool) {
	w.notifyFolders()
	w.known.next()
	found, err := sources(w.dir, &w.known)
	if err != nil {
		if w.trouble != err.Error() {
			w.trouble = err.Error()
			w.onChange(Change{Path: w.dir, Err: err})
		}
		return false
	}
	if w.trouble != "" {
		w.trouble = ""
		w.onChange(Change{Path: w.dir})
	}
	changes, again := w.tracker.observe(time.Now(), found)
	for _, c := range changes {
		w.onChange(c)
	}
	return again
}
