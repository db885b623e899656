package redisstore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nextbest/nextbest/internal/redistest"
)

const benchUsers = 2000

var benchNames = []string{"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"}

func benchServer(b *testing.B) *redistest.Server {
	server := redistest.Start(b)
	s := open(b, patient(server.URL()))
	defer s.Close()
	values := map[string]string{}
	for i, name := range benchNames {
		values[name] = fmt.Sprint(float64(i) * 1.25)
	}
	for u := range benchUsers {
		if err := s.Put(b.Context(), fmt.Sprint("u", u), values); err != nil {
			b.Fatal(err)
		}
	}
	return server
}

// BenchmarkFetch reads 8 features of a user: through the store, by a plain HMGET on a client with the same settings, and
// by go-redis' own AutoPipeline, which does not honour a caller's deadline, for scale.
func BenchmarkFetch(b *testing.B) {
	server := benchServer(b)
	s := open(b, patient(server.URL()))
	defer s.Close()
	plain, err := newClient(patient(server.URL()).withDefaults())
	if err != nil {
		b.Fatal(err)
	}
	defer plain.Close()
	auto, err := plain.(*redis.Client).AutoPipeline()
	if err != nil {
		b.Fatal(err)
	}
	for _, callers := range []int{1, 32} {
		for _, c := range []struct {
			name  string
			fetch func(ctx context.Context, user string) error
		}{
			{"store", func(ctx context.Context, user string) error {
				_, err := s.Fetch(ctx, user, benchNames)
				return err
			}},
			{"plain", func(ctx context.Context, user string) error { return plain.HMGet(ctx, Key(user), benchNames...).Err() }},
			{"auto", func(ctx context.Context, user string) error { return auto.HMGet(ctx, Key(user), benchNames...).Err() }},
		} {
			b.Run(fmt.Sprintf("%s/callers=%d", c.name, callers), func(b *testing.B) {
				b.ReportAllocs()
				before := s.Stats()
				run(b, callers, c.fetch)
				if st := s.Stats(); st.Pipelines > before.Pipelines {
					b.ReportMetric(float64(st.Shared-before.Shared)/float64(st.Pipelines-before.Pipelines), "reads/pipeline")
				}
			})
		}
	}
}

// TestFetchAllocatesLittle is the budget of a read: go-redis makes one text and one box per value.
func TestFetchAllocatesLittle(t *testing.T) {
	s := open(t, patient(redistest.Start(t).URL()))
	defer s.Close()
	values := map[string]string{}
	for _, name := range benchNames {
		values[name] = "1.25"
	}
	if err := s.Put(t.Context(), "u", values); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(100, func() {
		if _, err := s.Fetch(t.Context(), "u", benchNames); err != nil {
			t.Error(err)
		}
	})
	if most := float64(2*len(benchNames) + 12); n > most {
		t.Errorf("%v allocations to read %d features, at most %v", n, len(benchNames), most)
	}
}

// run has callers share b.N calls.
func run(b *testing.B, callers int, fetch func(ctx context.Context, user string) error) {
	cpu := cpuTime(b)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := fetch(b.Context(), fmt.Sprint("u", i%benchUsers)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/op")
}

// cpuTime returns what this process, without Redis, has used so far. It says more than wall time on a loaded machine.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
