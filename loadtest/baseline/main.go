// Command baseline is the least that a service of this kind can do: it answers the same messages over gRPC as the
// service, with one plain Redis HGETALL per rank and nothing else. What the service costs is told as a multiple of it.
//
//	go run ./loadtest/baseline --grpc 127.0.0.1:9191 --redis redis://127.0.0.1:6379
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc"

	"github.com/nextbest/nextbest/loadtest/users"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "baseline:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	addr := flag.String("grpc", "127.0.0.1:9191", "where to listen")
	url := flag.String("redis", "redis://127.0.0.1:6379", "where the users are")
	flag.Parse()

	options, err := redis.ParseURL(*url)
	if err != nil {
		return fmt.Errorf("read --redis: %w", err)
	}
	client := redis.NewClient(options)
	defer client.Close()

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	nextbestv1.RegisterDecisionServiceServer(server, &baseline{redis: client})
	stopped := context.AfterFunc(ctx, server.Stop)
	defer stopped()
	return server.Serve(listener)
}

// baseline answers without deciding anything.
type baseline struct {
	nextbestv1.UnimplementedDecisionServiceServer

	redis *redis.Client
}

// Rank reads the user and answers with as many ranked actions as were asked for.
func (b *baseline) Rank(ctx context.Context, r *nextbestv1.RankRequest) (*nextbestv1.RankResponse, error) {
	if _, err := b.redis.HGetAll(ctx, users.Key(r.UserId)).Result(); err != nil {
		return nil, err
	}
	ranking := make([]*nextbestv1.RankedAction, len(r.Actions))
	each := 1 / float64(len(r.Actions))
	for i, a := range r.Actions {
		ranking[i] = &nextbestv1.RankedAction{Id: a.Id, Probability: each, Score: each}
	}
	return &nextbestv1.RankResponse{
		EventId:        r.EventId,
		RewardActionId: r.Actions[0].Id,
		Ranking:        ranking,
		SnapshotId:     "loadtest-00000001",
		Arm:            "policy",
		Logged:         true,
	}, nil
}

// Reward accepts everything.
func (b *baseline) Reward(_ context.Context, r *nextbestv1.RewardRequest) (*nextbestv1.RewardResponse, error) {
	return &nextbestv1.RewardResponse{RewardId: r.RewardId, Outcome: "accepted"}, nil
}
