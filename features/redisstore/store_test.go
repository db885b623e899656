package redisstore

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/features/storetest"
	"github.com/nextbest/nextbest/internal/redistest"
)

func TestMain(m *testing.M) {
	redis.SetLogger(silent{}) // it says each refused connection
	goleak.VerifyTestMain(m)
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// patient returns options under which a loaded machine does not look like a slow Redis.
func patient(url string) Options {
	return Options{URL: url, Timeout: 5 * time.Second, DialTimeout: 5 * time.Second}
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreOnOneServer(t *testing.T) {
	server := redistest.Start(t)
	storetest.Run(t, func(t *testing.T) features.Store {
		server.Do("flushall")
		return open(t, patient(server.URL()))
	})
}

func TestPlainHSETIsRead(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, patient(server.URL()))
	defer s.Close()
	server.Do("hset", "nb:u:{u-1}", "age", "37", "plan", "gold", "@at", "1772366400")
	got, err := s.Fetch(t.Context(), "u-1", []string{"plan", "age", "none"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]features.Raw{{Text: "gold", Present: true}, {Text: "37", Present: true}, {}}, got); diff != "" {
		t.Error(diff)
	}
	if err := s.Put(t.Context(), "u-2", map[string]string{"age": "4"}); err != nil {
		t.Fatal(err)
	}
	if got := server.Do("hget", "nb:u:{u-2}", "age"); got != "4" {
		t.Errorf("hget of what Put wrote is %q", got)
	}
}

func TestSlotsAreThoseOfTheServer(t *testing.T) {
	node := redistest.Start(t, "--cluster-enabled", "yes")
	for _, key := range []string{"nb:u:{u-1}", "nb:u:{}x}", "nb:u:{{a}", "nb:u:{日本}", "plain", "{", "a{}b", "123456789"} {
		if got, want := slot(key), node.Do("cluster", "keyslot", key); want != strconv.Itoa(got) {
			t.Errorf("slot(%q) = %d, the server says %s", key, got, want)
		}
	}
}
