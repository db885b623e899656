package kill

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/audit"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features/redisstore"
	"github.com/nextbest/nextbest/internal/redistest"
)

// memory is a journal that keeps its entries.
type memory struct {
	mu      sync.Mutex
	entries []audit.Entry
	fails   error
}

func (m *memory) Append(_ context.Context, e audit.Entry) (audit.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return e, m.fails
	}
	e.Time = time.Now().UTC()
	m.entries = append(m.entries, e)
	return e, nil
}

func (m *memory) kinds() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, e := range m.entries {
		all = append(all, e.Kind+" "+Target{e.Loop, e.Subject}.String())
	}
	return strings.Join(all, ", ")
}

func newSwitch(shared Shared) (*Switch, *memory) {
	j := &memory{}
	return New(Options{Journal: j, Shared: shared, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}), j
}

var three = []decision.Action{{ID: "a"}, {ID: "b"}, {ID: "c"}}

func killed(s *Switch, loop string) []int { return s.Killed(nil, loop, three) }

func TestKillAndLift(t *testing.T) {
	s, j := newSwitch(nil)
	steps := []struct {
		target Target
		shop   []int
		blog   []int
	}{
		{Target{Loop: "shop", Action: "b"}, []int{1}, nil},
		{Target{Loop: "shop"}, []int{0, 1, 2}, nil},
		{Target{}, []int{0, 1, 2}, []int{0, 1, 2}},
	}
	for _, x := range steps {
		if _, err := s.Set(t.Context(), x.target, "ann", "complaints"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]int{x.shop, x.blog}, [][]int{killed(s, "shop"), killed(s, "blog")}); diff != "" {
			t.Errorf("after %s: %s", x.target, diff)
		}
	}
	again := New(Options{Journal: j, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	for _, e := range j.entries { // a restart
		again.Apply(e)
	}
	for _, x := range []*Switch{s, again} {
		for _, k := range []Target{{}, {Loop: "shop"}} {
			if err := x.Lift(t.Context(), k, "bob", "mended"); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]int{1}, killed(x, "shop")); diff != "" {
			t.Error(diff)
		}
	}
	if want := "kill.set shop/b, kill.set shop, kill.set everything, kill.lift everything"; !strings.HasPrefix(j.kinds(), want) {
		t.Errorf("recorded %s, want %s", j.kinds(), want)
	}
	if err := s.Lift(t.Context(), Target{Loop: "other"}, "bob", ""); !errors.Is(err, ErrNotKilled) {
		t.Errorf("lifting what is on: %v", err)
	}
	if _, err := s.Set(t.Context(), Target{Action: "a"}, "ann", ""); !errors.Is(err, ErrTarget) {
		t.Errorf("an action without its loop: %v", err)
	}
	if _, err := s.Set(t.Context(), Target{Loop: "shop"}, " ", ""); !errors.Is(err, audit.ErrActor) {
		t.Errorf("nobody's switch: %v", err)
	}
}

// Stopping does not wait for the disk; starting again does.
func TestWithoutALog(t *testing.T) {
	s, j := newSwitch(nil)
	j.fails = errors.New("no disk")
	if _, err := s.Set(t.Context(), Target{Loop: "shop"}, "ann", ""); err == nil {
		t.Error("nobody is told that it is not recorded")
	}
	if len(killed(s, "shop")) != 3 {
		t.Error("it is not switched off")
	}
	if err := s.Lift(t.Context(), Target{Loop: "shop"}, "ann", ""); err == nil || len(killed(s, "shop")) != 3 {
		t.Errorf("it is switched on without being recorded: %v", err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func follow(t *testing.T, s *Switch, path string) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { s.Follow(ctx, path) })
	t.Cleanup(func() { cancel(); done.Wait() })
}

func TestTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, j := newSwitch(nil)
	follow(t, s, path)
	write("kills:\n  - {loop: shop, action: b}\n")
	eventually(t, "the action is off", func() bool { return cmp.Equal(killed(s, "shop"), []int{1}) })
	for _, broken := range []string{"kills: [", "kills:\n  - {lop: shop}\n", "kills:\n  - {action: b}\n", "kills:\n  - {}\n", "all: maybe\n", strings.Repeat("#", maxFile+1)} {
		write(broken)
		eventually(t, "the broken file is reported", func() bool { return s.FileError() != "" })
		if !cmp.Equal(killed(s, "shop"), []int{1}) {
			t.Errorf("with the broken file %.20q the last good one is not in force", broken)
		}
		write("kills:\n  - {loop: shop, action: b}\n")
		eventually(t, "the good file is in force", func() bool { return s.FileError() == "" })
	}
	write("all: true\n")
	eventually(t, "everything is off", func() bool { return len(killed(s, "blog")) == 3 })
	if err := s.Lift(t.Context(), Target{}, "ann", ""); !errors.Is(err, ErrNotKilled) {
		t.Errorf("what the file says was lifted: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "everything is on", func() bool { return len(killed(s, "shop")) == 0 })
	if n := strings.Count(j.kinds(), "kill.file"); n < 4 {
		t.Errorf("%d changes of the file are recorded: %s", n, j.kinds())
	}
}

func TestReplicasAgreeWithinASecond(t *testing.T) {
	server := redistest.Start(t)
	connect := func() Shared {
		s, err := redisstore.New(redisstore.Options{URL: server.Addr})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	a, _ := newSwitch(connect())
	b, _ := newSwitch(connect())
	none := filepath.Join(t.TempDir(), "none")
	follow(t, a, none)
	follow(t, b, none)
	for round := range 5 {
		if _, err := a.Set(t.Context(), Target{Loop: "shop"}, "ann", ""); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		eventually(t, "the other replica has it", func() bool {
			if len(killed(a, "shop")) != 3 {
				t.Fatal("it was lifted by an old word of the shared memory")
			}
			return len(killed(b, "shop")) == 3
		})
		t.Logf("round %d: %v", round, time.Since(start))
		if err := b.Lift(t.Context(), Target{Loop: "shop"}, "bob", ""); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the first replica has it lifted", func() bool { return len(killed(a, "shop")) == 0 })
	}
	if _, err := a.Set(t.Context(), Target{Loop: "shop"}, "ann", ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both have it", func() bool { return len(killed(b, "shop")) == 3 })
	server.Do("flushall") // What Redis loses, those who know put back.
	time.Sleep(3 * every)
	if len(killed(a, "shop")) != 3 || len(killed(b, "shop")) != 3 {
		t.Error("a loss of the shared memory has lifted the switch")
	}
	server.Kill()
	if _, err := b.Set(t.Context(), Target{Loop: "blog"}, "bob", ""); err == nil {
		t.Error("nobody is told that the other replicas do not know")
	}
	if len(killed(b, "blog")) != 3 || len(killed(b, "shop")) != 3 {
		t.Error("with Redis away, something is on again")
	}
}
