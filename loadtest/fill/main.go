// Command fill writes the load test's users into a Redis.
//
//	go run ./loadtest/fill --redis redis://127.0.0.1:6379 --users 10000
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/nextbest/nextbest/loadtest/users"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "fill:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	url := flag.String("redis", "redis://127.0.0.1:6379", "where to write")
	n := flag.Int("users", 10_000, "how many users")
	seed := flag.Uint64("seed", 1, "the same seed gives the same users")
	flag.Parse()

	options, err := redis.ParseURL(*url)
	if err != nil {
		return fmt.Errorf("read --redis: %w", err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	if err := users.Fill(ctx, client, *seed, *n); err != nil {
		return err
	}
	fmt.Printf("wrote %d users, %s to %s\n", *n, users.Key(users.ID(0)), users.Key(users.ID(*n-1)))
	return nil
}
