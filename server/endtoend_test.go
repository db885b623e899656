package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/features/embedded"
	"github.com/nextbest/nextbest/features/redisstore"
	"github.com/nextbest/nextbest/internal/redistest"
	"github.com/nextbest/nextbest/loadtest/users"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

const (
	endToEndUsers       = 2000
	endToEndCallers     = 32
	endToEndConnections = 4
)

// BenchmarkEndToEnd is a Rank of the load test (20 features of the request, 50 candidates, 30 features of the user)
// through everything: the edge, the decision, the feature store, the kernel, the log, the learner beside it. Its
// cpu-µs/op is this process's, so over gRPC it includes the clients; in-process it is all the service's own.
func BenchmarkEndToEnd(b *testing.B) {
	stores := map[string]func(testing.TB) features.Store{"embedded": embeddedStore, "redis": redisStore}
	for _, name := range []string{"embedded", "redis"} {
		b.Run("grpc/"+name, func(b *testing.B) {
			r := serve(b, testConfig(), endToEndDeps(b, stores[name](b)))
			rankConcurrently(b, connections(b, r.srv.GRPCAddr().String()))
		})
		b.Run("inprocess/"+name, func(b *testing.B) {
			srv := newTestServer(b, endToEndDeps(b, stores[name](b)))
			rankConcurrently(b, []nextbestv1.DecisionServiceClient{clientInProcess(b, srv)})
		})
	}
}

// BenchmarkEndToEndReward is a Reward of an event that was ranked, acknowledged when it is in the page cache, so that
// it is not the disk that is measured.
func BenchmarkEndToEndReward(b *testing.B) {
	client := clientInProcess(b, newTestServer(b, endToEndDeps(b, embeddedStore(b))))
	var events []string
	for i := range 1000 {
		answer, err := client.Rank(b.Context(), endToEndRequest(i))
		if err != nil {
			b.Fatal(err)
		}
		events = append(events, answer.GetEventId())
	}
	measure(b, func(i int) error {
		_, err := client.Reward(b.Context(), &nextbestv1.RewardRequest{
			Loop: "loadtest", EventId: events[i%len(events)], RewardId: strconv.Itoa(i), Value: proto.Float64(1),
		})
		return err
	})
}

func rankConcurrently(b *testing.B, clients []nextbestv1.DecisionServiceClient) {
	requests := make([]*nextbestv1.RankRequest, 256)
	for i := range requests {
		requests[i] = endToEndRequest(i)
	}
	measure(b, func(i int) error {
		_, err := clients[i%len(clients)].Rank(b.Context(), requests[i%len(requests)])
		return err
	})
}

// measure has callers share b.N calls, and reports the CPU time of one.
func measure(b *testing.B, call func(i int) error) {
	b.ReportAllocs()
	b.ResetTimer()
	before := processCPU(b)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range endToEndCallers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := call(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((processCPU(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// processCPU says more than wall time on a machine that others use as well.
func processCPU(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func connections(tb testing.TB, addr string) []nextbestv1.DecisionServiceClient {
	clients := make([]nextbestv1.DecisionServiceClient, endToEndConnections)
	for i := range clients {
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = conn.Close() })
		clients[i] = nextbestv1.NewDecisionServiceClient(conn)
	}
	return clients
}

// endToEndRequest is what loadtest/scenario.js sends.
func endToEndRequest(i int) *nextbestv1.RankRequest {
	pick := func(of ...string) *structpb.Value { return value(of[i%len(of)]) }
	m := &nextbestv1.RankRequest{Loop: "loadtest", UserId: users.ID(i % endToEndUsers), Context: map[string]*structpb.Value{
		"device": pick("mobile", "desktop", "tablet"), "browser": pick("chrome", "safari", "firefox", "edge"),
		"page": pick("home", "category", "product", "cart"), "referrer": pick("direct", "search", "email"),
		"region": pick("north", "south", "east", "west"), "weather": pick("sun", "rain", "snow"),
		"returning": value(i%3 == 0), "logged_in": value(i%2 == 0),
	}}
	for k, name := range []string{
		"hour", "weekday", "temperature", "session_pages", "session_seconds", "scroll_depth", "searches", "cart_items",
		"cart_value", "price_low", "price_high", "seconds_since_mail",
	} {
		m.Context[name] = value(float64((i*7 + k) % 24))
	}
	for k := range 50 {
		m.Actions = append(m.Actions, &nextbestv1.Action{Id: fmt.Sprintf("offer-%02d", k)})
	}
	return m
}

func embeddedStore(tb testing.TB) features.Store {
	store, _, err := embedded.Open(filepath.Join(tb.TempDir(), "features"), embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	return filledStore(tb, store, err)
}

func redisStore(tb testing.TB) features.Store {
	store, err := redisstore.New(redisstore.Options{URL: redistest.Start(tb).URL()})
	return filledStore(tb, store, err)
}

// filledStore gives a store the users of the load test.
func filledStore(tb testing.TB, store features.Store, err error) features.Store {
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	var wg sync.WaitGroup
	for part := range 64 { // a Put waits for the disk
		wg.Go(func() {
			for i := part; i < endToEndUsers; i += 64 {
				hash, values := users.Hash(1, i), map[string]string{}
				for k := 0; k < len(hash); k += 2 {
					values[hash[k]] = hash[k+1]
				}
				if err := store.Put(context.Background(), users.ID(i), values); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return store
}

// endToEndDeps are the parts as they are served, around a feature store, with the load test's loop.
func endToEndDeps(tb testing.TB, store features.Store) Deps {
	file, err := os.ReadFile("../loadtest/loops/loadtest.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	deps := realDeps(tb, "loadtest", string(file)+"durability: {reward: process}\n", store)
	deps.Decider.(*decision.Decider).NewID = func(now time.Time) string {
		return ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String()
	}
	return deps
}
