package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// follow keeps a learner of its own in step with a directory of loop files.
func follow(t *testing.T, dir string) *loopFiles {
	t.Helper()
	log, _, err := eventlog.Open(t.TempDir(), eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	events, err := eventlog.NewEvents(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	learner, err := learn.Start(t.Context(), learn.NewEventLog(events), loop.Compile, learn.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = learner.Close() })
	files, err := followLoops(t.Context(), dir, learner, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	return files
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// awaitErrors waits until the reload errors are those of the loops named.
func awaitErrors(t *testing.T, files *loopFiles, names ...string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for ; ; time.Sleep(20 * time.Millisecond) {
		got := files.ReloadErrors()
		same := len(got) == len(names)
		for _, name := range names {
			same = same && got[name] != ""
		}
		if same {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("errors %v, want those of %q", got, names)
		}
	}
}

// A file that never was right and is taken away again leaves nothing to complain of; nor does a directory that was
// away for a moment.
func TestReloadErrorsEndWithTheirCause(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "loops")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "good.yaml", "version: 1\nname: good\nactions: from_request\n")
	files := follow(t, dir)
	put(t, dir, "new.yaml", "version: 9\n")
	awaitErrors(t, files, "new")
	if err := os.Remove(filepath.Join(dir, "new.yaml")); err != nil {
		t.Fatal(err)
	}
	awaitErrors(t, files)
	files.apply(t.Context(), loop.Change{Path: dir, Err: os.ErrNotExist}) // as Watch tells it
	awaitErrors(t, files, "")
	files.apply(t.Context(), loop.Change{Path: dir})
	awaitErrors(t, files)
}

// A --redis that cannot be right is a usage error, found before the data directory is touched.
func TestServeRefusesBadRedisURL(t *testing.T) {
	for _, url := range []string{"http://x", "redis://127.0.0.1:1/abc", "redis://127.0.0.1?no_such_option=1"} {
		data := filepath.Join(t.TempDir(), "data")
		var out, errs strings.Builder
		if status := run(t.Context(), []string{"serve", "--data", data, "--redis", url}, &out, &errs); status != exitUsage {
			t.Errorf("%s: exit %d, %s", url, status, errs.String())
		}
		if _, err := os.Stat(data); !os.IsNotExist(err) {
			t.Errorf("%s: the data directory was touched", url)
		}
	}
}
