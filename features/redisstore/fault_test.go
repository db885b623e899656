package redisstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/internal/redistest"
)

// budget is the deadline that callers give, as a decision would.
const budget = 20 * time.Millisecond

// fetch reads one user's feature within the budget and returns the reason of the failure, if any, and the time taken.
func fetch(s *Store, user string) (reason string, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	start := time.Now()
	_, err = s.Fetch(ctx, user, []string{"a"})
	took = time.Since(start)
	var se *features.StoreError
	if errors.As(err, &se) {
		reason = se.Reason
	}
	return reason, took, err
}

// eventually waits for a condition that the next second should bring; on a loaded machine it may take longer.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in 15 s: %s", what)
		}
	}
}

func answers(s *Store, user string) func() bool {
	return func() bool {
		_, _, err := fetch(s, user)
		return err == nil
	}
}

// wantPunctual checks how long calls took against their budget: half of them within five times of it, and all of them
// within a second, since the machine may be loaded. go-redis' defaults take 1.7 to 5 s.
func wantPunctual(t *testing.T, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	if median, most := took[len(took)/2], took[len(took)-1]; median > 5*budget || most > time.Second {
		t.Errorf("callers with %v were held for %v at the median, %v at most", budget, median, most)
	}
}

func TestKilledAndRestarted(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, Options{URL: server.URL()})
	defer s.Close()
	eventually(t, "an answer", answers(s, "u"))

	server.Kill()
	var took []time.Duration
	var reasons []string
	for range 50 {
		reason, d, err := fetch(s, "u")
		if err == nil {
			t.Fatal("a killed server answered")
		}
		took, reasons = append(took, d), append(reasons, reason)
	}
	wantPunctual(t, took)
	// BreakAfter calls find out, a few may be on their way already; the others need not.
	if n := len(slices.DeleteFunc(reasons, func(r string) bool { return r == features.ReasonOpen })); n > 10 {
		t.Errorf("%d of 50 calls tried to reach a dead server, want at most 10", n)
	}
	if !s.Stats().Open {
		t.Error("the circuit is not open")
	}
	server.Restart()
	eventually(t, "an answer after the restart", answers(s, "u"))
	eventually(t, "a put after the restart", func() bool { return s.Put(t.Context(), "u", map[string]string{"a": "1"}) == nil })
}

func TestHungServer(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, Options{URL: server.URL()})
	defer s.Close()
	eventually(t, "an answer", answers(s, "u"))

	server.Hang()
	var mu sync.Mutex
	var took []time.Duration
	var first error
	var wg sync.WaitGroup
	for i := range 32 { // more than the flights there are, so that most wait in the queue
		wg.Go(func() {
			for range 5 {
				_, d, err := fetch(s, fmt.Sprint("u", i))
				mu.Lock()
				took = append(took, d)
				if first == nil {
					first = err
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	wantPunctual(t, took)
	if !errors.Is(first, context.DeadlineExceeded) {
		t.Errorf("%v is not a timeout", first)
	}
	eventually(t, "fast failure", func() bool { r, _, _ := fetch(s, "u"); return r == features.ReasonOpen })
	server.Resume()
	eventually(t, "an answer after the hang", answers(s, "u"))
}

// With every flight hung and the queue full, more calls are refused at once; those before them are answered in the end.
func TestFullQueueSaysSo(t *testing.T) {
	const queued, more = 4, 12
	server := redistest.Start(t)
	s := open(t, Options{URL: server.URL(), QueueLimit: queued, Timeout: 10 * time.Second, BreakAfter: 1000})
	defer s.Close()
	eventually(t, "an answer", answers(s, "u"))
	server.Hang()
	defer server.Resume()
	ctx, leave := context.WithTimeout(context.Background(), 10*time.Second)
	defer leave()
	reasons := make(chan string, maxFlights+queued)
	call := func() string {
		_, err := s.Fetch(ctx, "u", []string{"a"})
		var se *features.StoreError
		if errors.As(err, &se) {
			return se.Reason
		}
		if err != nil {
			t.Errorf("%v is untyped", err)
		}
		return ""
	}
	state := func(flights, waiting int) func() bool {
		return func() bool {
			l := s.lanes[0]
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.flights == flights && len(l.queue) == waiting
		}
	}
	for i := range maxFlights {
		time.Sleep(2 * patience) // The next flight leaves with one call only.
		go func() { reasons <- call() }()
		eventually(t, "another flight", state(i+1, 0))
	}
	for i := range queued {
		go func() { reasons <- call() }()
		eventually(t, "another call that waits", state(maxFlights, i+1))
	}
	for range more {
		if got := call(); got != features.ReasonQueueFull {
			t.Errorf("a call on a full queue: %q", got)
		}
	}
	server.Resume()
	for range maxFlights + queued {
		if got := <-reasons; got != "" {
			t.Errorf("a call that was under way or waited: %q", got)
		}
	}
}

func TestWrongTypeIsOneUsersProblem(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, patient(server.URL()))
	defer s.Close()
	server.Do("set", Key("bad"), "x")
	if err := s.Put(t.Context(), "good", map[string]string{"a": "1"}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 10 {
				if _, err := s.Fetch(t.Context(), "bad", []string{"a"}); reasonOf(err) != "wrongtype" {
					t.Errorf("%v", err)
				}
				if raw, err := s.Fetch(t.Context(), "good", []string{"a"}); err != nil || raw[0].Text != "1" {
					t.Errorf("%v, %v", raw, err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Put(t.Context(), "bad", map[string]string{"a": "1"}); reasonOf(err) != "wrongtype" {
		t.Errorf("put: %v", err)
	}
	if _, err := s.All(t.Context(), "bad"); reasonOf(err) != "wrongtype" {
		t.Errorf("all: %v", err)
	}
	if s.Stats().Open {
		t.Error("one user's bad key opened the circuit")
	}
}

func reasonOf(err error) string {
	var se *features.StoreError
	if errors.As(err, &se) {
		return se.Reason
	}
	return fmt.Sprint("untyped ", err)
}

func TestPasswordSetAtRunTime(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, Options{URL: server.URL()})
	defer s.Close()
	eventually(t, "an answer", answers(s, "u"))
	server.Do("config", "set", "requirepass", "secret")
	server.Do("-a", "secret", "client", "kill", "type", "normal")
	eventually(t, "noauth", func() bool { r, _, _ := fetch(s, "u"); return r == "noauth" })

	with := open(t, patient("redis://:secret@"+server.Addr))
	defer with.Close()
	if err := with.Ping(t.Context()); err != nil {
		t.Errorf("with the password: %v", err)
	}
	wrong := open(t, patient("redis://:wrong@"+server.Addr))
	defer wrong.Close()
	_, err := wrong.Fetch(t.Context(), "u", []string{"a"})
	if reasonOf(err) != "wrongpass" {
		t.Errorf("with another password: %v", err)
	}
	if strings.Contains(fmt.Sprint(err), "wrong@") {
		t.Errorf("%v shows the password", err)
	}
	server.Do("-a", "secret", "config", "set", "requirepass", "")
	eventually(t, "an answer without the password", answers(s, "u"))
}

// TestWritesRefusedReadsGoOn takes servers that only read: a write names the reason, and reads do not suffer.
func TestWritesRefusedReadsGoOn(t *testing.T) {
	for reason, set := range map[string][]string{
		"oom":        {"config", "set", "maxmemory", "1"},
		"noreplicas": {"config", "set", "min-replicas-to-write", "1"},
		"readonly":   {"replicaof", "127.0.0.1", "1"},
	} {
		t.Run(reason, func(t *testing.T) {
			server := redistest.Start(t)
			s := open(t, patient(server.URL()))
			defer s.Close()
			if err := s.Put(t.Context(), "u", map[string]string{"a": "1"}); err != nil {
				t.Fatal(err)
			}
			server.Do(set...)
			for range 10 {
				if err := s.Put(t.Context(), "u", map[string]string{"a": "2"}); reasonOf(err) != reason {
					t.Fatalf("put: %v", err)
				}
				if raw, err := s.Fetch(t.Context(), "u", []string{"a"}); err != nil || raw[0].Text != "1" {
					t.Fatalf("fetch: %v, %v", raw, err)
				}
			}
		})
	}
}

// TestUnfitServers takes servers that answer that they cannot: the circuit opens, and closes when they can again.
func TestUnfitServers(t *testing.T) {
	for _, c := range []struct {
		reason     string
		args       []string
		break_, up func(server *redistest.Server)
	}{
		{
			reason: "masterdown",
			break_: func(r *redistest.Server) {
				r.Do("config", "set", "replica-serve-stale-data", "no")
				r.Do("replicaof", "127.0.0.1", "1")
			},
			up: func(r *redistest.Server) { r.Do("replicaof", "no", "one") },
		},
		{
			reason: features.ReasonUnreachable, // its refusal is mostly lost in the reset connection
			break_: func(r *redistest.Server) { beOnlyClient(t, r.Addr) },
			up:     func(r *redistest.Server) { r.Kill(); r.Restart() },
		},
		{
			reason: "clusterdown",
			args:   []string{"--cluster-enabled", "yes"},
			break_: func(*redistest.Server) {},
			up:     func(r *redistest.Server) { r.Do("cluster", "addslotsrange", "0", "16383") },
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			server := redistest.Start(t, c.args...)
			s := open(t, Options{URL: server.URL()})
			defer s.Close()
			if len(c.args) == 0 {
				eventually(t, "an answer", answers(s, "u"))
			}
			c.break_(server)
			eventually(t, c.reason, func() bool { r, _, _ := fetch(s, "u"); return r == c.reason })
			eventually(t, "fast failure", func() bool { r, _, _ := fetch(s, "u"); return r == features.ReasonOpen })
			c.up(server)
			eventually(t, "an answer again", answers(s, "u"))
		})
	}
}

// beOnlyClient takes a connection until the test ends, allows no other and closes those there are.
func beOnlyClient(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprint(c, "CONFIG SET maxclients 1\r\nCLIENT KILL TYPE normal SKIPME yes\r\n")
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "+OK\r\n" {
		t.Fatalf("config set: %q, %v", line, err)
	}
}

func TestLoadingAndBusyAreTyped(t *testing.T) {
	for message, want := range map[string]string{
		"LOADING Redis is loading the dataset in memory":           "loading",
		"BUSY Redis is busy running a script":                      "busy",
		"MISCONF Redis is configured to save RDB snapshots, but":   "misconf",
		"NOPERM User default has no permissions to run 'hmget'":    "noperm",
		"ERR max number of clients reached":                        "maxclients",
		"TRYAGAIN Multiple keys request during rehashing of slot":  "tryagain",
		"ERR unknown command 'HMGET', with args beginning with: x": "server_error",
		"": "server_error",
	} {
		if got, _ := classifyAnswer(message); got != want {
			t.Errorf("%q is %q, want %q", message, got, want)
		}
	}
}

func TestHugeValueIsCut(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, patient(server.URL()))
	defer s.Close()
	server.Do("eval", "redis.call('hset', KEYS[1], 'a', string.rep('x', 8*1024*1024), 'b', '1')", "1", Key("u"))
	raw, err := s.Fetch(t.Context(), "u", []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(raw[0].Text); n != features.MaxStored+1 || raw[1].Text != "1" {
		t.Errorf("%d bytes and %q", n, raw[1].Text)
	}
	server.Do("eval", "for i = 1, 5000 do redis.call('hset', KEYS[1], i, 'x') end", "1", Key("wide"))
	if _, err := s.All(t.Context(), "wide"); reasonOf(err) != features.ReasonTooLarge {
		t.Errorf("all of 5000 features: %v", err)
	}
}
