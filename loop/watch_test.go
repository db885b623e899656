package loop_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// patience is how long a test waits for what must happen; nothing is measured by it.
const patience = 20 * time.Second

// longPoll is a poll that never comes: all is by notification.
const longPoll = time.Hour

// watched is a directory under Watch, with what was told.
type watched struct {
	t       testing.TB
	dir     string
	changes chan loop.Change
	stop    func()
}

// watch watches a directory, polling only now and then unless poll says otherwise.
func watch(t testing.TB, dir string, poll time.Duration) *watched {
	t.Helper()
	current, err := loop.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, dir: dir, changes: make(chan loop.Change, 10_000)}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		loop.Watch(ctx, dir, current, func(c loop.Change) { w.changes <- c }, loop.WatchOptions{Settle: 20 * time.Millisecond, Poll: poll})
	})
	w.stop = func() { cancel(); done.Wait() }
	t.Cleanup(w.stop)
	return w
}

// next returns the next change.
func (w *watched) next() loop.Change {
	w.t.Helper()
	select {
	case c := <-w.changes:
		return c
	case <-time.After(patience):
		w.t.Fatal("no change was told")
		return loop.Change{}
	}
}

// expect waits for a change of a loop to a description.
func (w *watched) expect(name, description string) {
	w.t.Helper()
	c := w.next()
	if c.Name != name || c.Definition == nil || c.Err != nil || !strings.Contains(string(c.Definition.File), `"`+description+`"`) {
		w.t.Fatalf("told %+v, want %s with %q", c, name, description)
	}
}

// quiet checks that nothing more was told than what was taken.
func (w *watched) quiet() {
	w.t.Helper()
	select {
	case c := <-w.changes:
		w.t.Fatalf("told %+v", c)
	case <-time.After(150 * time.Millisecond):
	}
}

func file(name, description string) string {
	return fmt.Sprintf("version: 1\nname: %s\nactions: [{id: a}, {id: b}]\ndescription: %q\npolicy: {type: squarecb, gamma: 5}\n", name, description)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func try(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestWatch makes what editors and people do to real files. Polling is off, so all of it comes by notification.
func TestWatch(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	a := filepath.Join(dir, "a.yaml")
	write(t, a, file("a", "one"))
	w := watch(t, dir, time.Hour)
	defer w.stop()
	w.quiet()

	write(t, a, file("a", "two")) // in place
	w.expect("a", "two")

	write(t, filepath.Join(dir, ".a.tmp"), file("a", "three")) // over it
	try(t, os.Rename(filepath.Join(dir, ".a.tmp"), a))
	w.expect("a", "three")

	try(t, os.Rename(a, filepath.Join(dir, "a.yaml~"))) // away, as some editors do first
	write(t, a, file("a", "four"))
	w.expect("a", "four")

	write(t, filepath.Join(dir, "b.yml"), file("b", "new"))
	w.expect("b", "new")

	try(t, os.Truncate(a, 20))
	var problems loop.Problems
	if c := w.next(); c.Name != "a" || c.Definition != nil || c.Removed || !errors.As(c.Err, &problems) || problems[0].File != a {
		t.Fatalf("told %+v of a truncated file", c)
	}
	write(t, a, file("a", "five")) // mended
	w.expect("a", "five")

	try(t, os.Truncate(a, 0))
	if c := w.next(); c.Name != "a" || c.Err == nil || c.Removed {
		t.Fatalf("told %+v of an empty file", c)
	}
	write(t, a, file("a", "five")) // what it was before
	w.expect("a", "five")

	now := time.Now().Add(time.Hour)
	try(t, os.Chtimes(a, now, now)) // touched only
	write(t, a, file("a", "five"))
	write(t, filepath.Join(dir, "notes.txt"), "not a loop file")
	w.quiet()

	try(t, os.Remove(a))
	if c := w.next(); c.Name != "a" || !c.Removed || c.Definition != nil || c.Err != nil {
		t.Fatalf("told %+v of a removed file", c)
	}
	write(t, a, file("a", "six"))
	w.expect("a", "six")

	write(t, filepath.Join(dir, "b.yaml"), file("b", "twice"))
	if c := w.next(); c.Name != "b" || c.Err == nil || !strings.Contains(c.Err.Error(), "defined twice") {
		t.Fatalf("told %+v of two files of one name", c)
	}
	w.quiet()
}

// TestWatchConfigMap swaps ..data as Kubernetes does.
func TestWatchConfigMap(t *testing.T) {
	dir := t.TempDir()
	version := func(n int, text string) string {
		name := fmt.Sprintf("..2026_%d", n)
		try(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		write(t, filepath.Join(dir, name, "a.yaml"), text)
		return name
	}
	swap := func(to string) {
		try(t, os.Symlink(to, filepath.Join(dir, "..data_tmp")))
		try(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	swap(version(1, file("a", "one")))
	try(t, os.Symlink(filepath.Join("..data", "a.yaml"), filepath.Join(dir, "a.yaml")))
	ds, err := loop.Load(dir)
	if err != nil || len(ds) != 1 || ds[0].Path != filepath.Join(dir, "a.yaml") {
		t.Fatalf("loaded %v, %v", ds, err)
	}

	w := watch(t, dir, time.Hour)
	swap(version(2, file("a", "two")))
	try(t, os.RemoveAll(filepath.Join(dir, "..2026_1")))
	w.expect("a", "two")
	swap(version(3, "nothing good"))
	if c := w.next(); c.Name != "a" || c.Err == nil {
		t.Fatalf("told %+v", c)
	}
	swap(version(4, file("a", "four")))
	w.expect("a", "four")
}

// TestWatchPolls: links to elsewhere notify of nothing, and a directory can be replaced.
func TestWatchPolls(t *testing.T) {
	base := t.TempDir()
	dir, elsewhere := filepath.Join(base, "loops"), filepath.Join(base, "elsewhere.yaml")
	try(t, os.Mkdir(dir, 0o700))
	write(t, elsewhere, file("a", "one"))
	try(t, os.Symlink(elsewhere, filepath.Join(dir, "a.yaml")))
	w := watch(t, dir, 50*time.Millisecond)
	write(t, elsewhere, file("a", "two"))
	w.expect("a", "two")

	try(t, os.Rename(dir, dir+".old"))
	if c := w.next(); c.Name != "" || c.Path != dir || c.Err == nil || c.Removed {
		t.Fatalf("told %+v of a directory that is gone", c)
	}
	w.quiet()
	try(t, os.Mkdir(dir, 0o700))
	write(t, filepath.Join(dir, "a.yaml"), file("a", "three"))
	if c := w.next(); c.Name != "" || c.Path != dir || c.Err != nil || c.Removed || c.Definition != nil {
		t.Fatalf("told %+v of a directory that is back", c)
	}
	for c := w.next(); c.Definition == nil; c = w.next() { // it may be seen between the two lines above
		if !c.Removed {
			t.Fatalf("told %+v", c)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "b.yaml"), file("b", ""))
	write(t, filepath.Join(dir, "a.yml"), file("a", ""))
	write(t, filepath.Join(dir, "c.yaml"), file("other", ""))
	write(t, filepath.Join(dir, "d.yaml"), file("d", ""))
	write(t, filepath.Join(dir, "d.yml"), file("d", ""))
	write(t, filepath.Join(dir, ".hidden.yaml"), "")
	write(t, filepath.Join(dir, "README.md"), "")
	try(t, os.Mkdir(filepath.Join(dir, "sub.yaml"), 0o700))
	try(t, os.Symlink("nowhere", filepath.Join(dir, "e.yaml")))
	write(t, filepath.Join(dir, "f.yaml"), file("f", "")+"#"+strings.Repeat("x", 3*loop.MaxFileSize))

	ds, err := loop.Load(dir)
	var names []string
	for _, d := range ds {
		names = append(names, d.Loop.Name)
	}
	if got := strings.Join(names, " "); got != "a b" {
		t.Errorf("loaded %s", got)
	}
	for i, want := range []string{"c.yaml:2:7: name", "d.yml:1:1: loop d is defined twice", "e.yaml:1:1: the file cannot be read", "f.yaml:1:1: the file has"} {
		if lines := strings.Split(err.Error(), "\n"); len(lines) != 4 || !strings.Contains(lines[i], want) {
			t.Errorf("line %d of the error lacks %q:\n%v", i, want, err)
		}
	}
	if _, err := loop.Load(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of an absent directory: %v", err)
	}
	if ds, err := loop.Load(t.TempDir()); err != nil || len(ds) != 0 {
		t.Errorf("of an empty directory: %v, %v", ds, err)
	}
}

// TestWatchUnderMutation writes 1,000 damaged files, in place and over, while the directory is watched. Whatever is told
// as good must be what the compiler accepts and what stood in the file; at the end the good file is in force again.
func TestWatchUnderMutation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yaml")
	write(t, path, file("a", "start"))
	w := watch(t, dir, time.Hour)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		text := mutate(r, file("a", fmt.Sprint("version ", i)))
		if r.IntN(2) == 0 {
			write(t, path, text)
		} else {
			write(t, path+".new", text)
			try(t, os.Rename(path+".new", path))
		}
		if i%50 == 0 {
			time.Sleep(70 * time.Millisecond) // long enough to be believed
		}
	}
	write(t, path, file("a", "end"))
	broken, right := 0, 0
	for {
		c := w.next()
		if c.Err != nil {
			if broken++; c.Definition != nil || c.Removed {
				t.Fatalf("told %+v", c)
			}
			continue
		}
		if c.Removed || c.Definition == nil {
			t.Fatalf("told %+v", c)
		}
		right++
		accepted(t, c.Definition)
		if strings.Contains(string(c.Definition.File), `"end"`) {
			break
		}
	}
	t.Logf("%d broken and %d good files were told", broken, right)
	if broken == 0 {
		t.Error("no broken file was ever told")
	}
	w.quiet()
}

// accepted compiles a definition's file again.
func accepted(t testing.TB, d *learn.Definition) {
	t.Helper()
	again, err := loop.Compile(d.Path, d.File)
	if err != nil {
		t.Fatalf("told as good:\n%s\nbut: %v", d.File, err)
	}
	if again.SHA256 != d.SHA256 || again.LearningKey != d.LearningKey {
		t.Fatalf("compiled again, it is another definition: %s", d.File)
	}
}

// mutate damages a loop file: it cuts it, turns a bit, or adds what does not belong there.
func mutate(r *rand.Rand, text string) string {
	switch r.IntN(4) {
	case 0:
		return text[:r.IntN(len(text))]
	case 1:
		b := []byte(text)
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		return string(b)
	case 2:
		return text + fmt.Sprintf("unknown_%d: 1\n", r.IntN(100))
	default:
		lines := strings.SplitAfter(text, "\n")
		i := r.IntN(len(lines))
		return strings.Join(append(lines[:i:i], append([]string{lines[r.IntN(len(lines))]}, lines[i:]...)...), "")
	}
}
