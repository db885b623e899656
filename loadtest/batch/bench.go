//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/nextbest/nextbest/loadtest/process"
	"github.com/nextbest/nextbest/loadtest/users"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// bench is what is measured.
type bench struct {
	settings      settings
	dir, grpcAddr string
	redis, server *process.Process
}

// newBench starts and fills Redis, and starts the service on it. Its owner closes it.
func newBench(ctx context.Context, s settings, dir string) (*bench, error) {
	if _, err := os.Stat("loadtest/batch/loops"); err != nil {
		return nil, errors.New("run this from the project's root")
	}
	b := &bench{settings: s, dir: dir}
	url, err := b.startRedis(ctx)
	if err == nil {
		err = b.startServer(ctx, url)
	}
	if err == nil {
		err = b.writeUsers()
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	for _, p := range []*process.Process{b.server, b.redis} {
		if p != nil {
			p.Stop()
		}
	}
}

func (b *bench) startRedis(ctx context.Context) (url string, err error) {
	addr, err := process.FreeAddr()
	if err != nil {
		return "", err
	}
	host, port, _ := net.SplitHostPort(addr)
	b.redis, err = process.Start(b.dir, "redis-server", "redis-server",
		"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", b.dir)
	if err != nil {
		return "", err
	}
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	if err := b.redis.Ready(ctx, func(ctx context.Context) error { return client.Ping(ctx).Err() }); err != nil {
		return "", err
	}
	say("filling Redis with %d users", b.settings.Users)
	return "redis://" + addr, users.Fill(ctx, client, 1, b.settings.Users)
}

func (b *bench) startServer(ctx context.Context, redisURL string) error {
	var addrs [2]string
	for i := range addrs {
		var err error
		if addrs[i], err = process.FreeAddr(); err != nil {
			return err
		}
	}
	b.grpcAddr = addrs[0]
	var err error
	b.server, err = process.Start(b.dir, "service", b.settings.service, "serve", "--loops", "loadtest/batch/loops",
		"--data", filepath.Join(b.dir, "data"), "--redis", redisURL, "--grpc", addrs[0], "--http", addrs[1])
	if err != nil {
		return err
	}
	return b.server.Ready(ctx, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addrs[1]+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", response.Status)
		}
		return nil
	})
}

func (b *bench) usersFile() string { return filepath.Join(b.dir, "users.csv") }

func (b *bench) writeUsers() error {
	f, err := os.Create(b.usersFile())
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "user_id") // Flush has the error of all writes.
	for i := range b.settings.Users {
		fmt.Fprintln(w, users.ID(i))
	}
	return errors.Join(w.Flush(), f.Close())
}

// figures are what deciding for some recipients took.
type figures struct {
	Recipients int     `json:"recipients"`
	Errors     int     `json:"errors"`
	Fallbacks  int     `json:"fallbacks"`
	Seconds    float64 `json:"seconds"`
	ServerCPU  float64 `json:"server_cpu_seconds"`
	RedisCPU   float64 `json:"redis_cpu_seconds"`
	ClientCPU  float64 `json:"client_cpu_seconds"`
	Memory     []rss   `json:"memory,omitempty"`
}

// rss is the resident memory at a moment, in bytes.
type rss struct {
	Seconds float64 `json:"seconds"`
	Server  int64   `json:"server"`
	Redis   int64   `json:"redis"`
	Client  int64   `json:"client"`
}

// measure runs f, and adds to its figures what server and Redis used meanwhile.
func (b *bench) measure(f func() (figures, error)) (figures, error) {
	server, err := b.server.CPU()
	if err != nil {
		return figures{}, err
	}
	store, err := b.redis.CPU()
	if err != nil {
		return figures{}, err
	}
	began := time.Now()
	fs, err := f()
	if err != nil {
		return fs, err
	}
	fs.Seconds = time.Since(began).Seconds()
	if err := b.server.Alive(); err != nil {
		return fs, err
	}
	serverAfter, err := b.server.CPU()
	if err != nil {
		return fs, err
	}
	storeAfter, err := b.redis.CPU()
	fs.ServerCPU, fs.RedisCPU = (serverAfter - server).Seconds(), (storeAfter - store).Seconds()
	return fs, err
}

// batch has `nextbest batch` decide for everybody.
func (b *bench) batch(ctx context.Context) (figures, error) {
	say("nextbest batch for %d recipients of loop %s", b.settings.Users, b.settings.Loop)
	return b.measure(func() (figures, error) {
		client, err := process.Start(b.dir, "batch", b.settings.service, "batch", "--loop", b.settings.Loop, "--campaign", "loadtest",
			"--in", b.usersFile(), "--out", filepath.Join(b.dir, "plan.parquet"), "--grpc", b.grpcAddr, "--json")
		if err != nil {
			return figures{}, err
		}
		defer client.Stop()
		memory, err := b.watch(ctx, client)
		if err != nil {
			return figures{}, err
		}
		fs, err := summaryOf(client)
		fs.Memory = memory
		return fs, err
	})
}

// watch samples everybody's memory until the client ends.
func (b *bench) watch(ctx context.Context, client *process.Process) ([]rss, error) {
	began := time.Now()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var samples []rss
	for {
		select {
		case <-client.Ended():
			return samples, nil
		case <-ctx.Done():
			return samples, ctx.Err()
		case <-tick.C:
			s := rss{Seconds: time.Since(began).Seconds()}
			s.Server, _ = b.server.RSS() // One that has ended is found out elsewhere.
			s.Redis, _ = b.redis.RSS()
			if s.Client, _ = client.RSS(); s.Client > 0 {
				samples = append(samples, s)
			}
		}
	}
}

// summaryOf reads what `nextbest batch --json` has printed last.
func summaryOf(client *process.Process) (figures, error) {
	out, err := client.Output()
	if err != nil {
		return figures{}, err
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		var s struct {
			Rows      int            `json:"rows"`
			Errors    int            `json:"errors"`
			Fallbacks map[string]int `json:"fallbacks"`
			CPU       float64        `json:"cpu_seconds"`
		}
		if json.Unmarshal(lines.Bytes(), &s) == nil && s.Rows > 0 {
			fs := figures{Recipients: s.Rows, Errors: s.Errors, ClientCPU: s.CPU}
			for _, n := range s.Fallbacks {
				fs.Fallbacks += n
			}
			return fs, nil
		}
	}
	return figures{}, fmt.Errorf("nextbest batch failed:\n%s", out[max(0, len(out)-2000):])
}

// singles asks for recipients one by one, several at a time over a few connections.
func (b *bench) singles(ctx context.Context) (figures, error) {
	say("single calls for %v, %d at a time", b.settings.Singles, b.settings.Callers)
	var clients []nextbestv1.DecisionServiceClient
	for range 4 {
		conn, err := grpc.NewClient(b.grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return figures{}, err
		}
		defer conn.Close()
		clients = append(clients, nextbestv1.NewDecisionServiceClient(conn))
	}
	return b.measure(func() (figures, error) {
		before, err := ownCPU()
		if err != nil {
			return figures{}, err
		}
		ctx, cancel := context.WithTimeout(ctx, b.settings.Singles)
		defer cancel()
		var done, failed atomic.Int64
		var all sync.WaitGroup
		for caller := range b.settings.Callers {
			all.Go(func() {
				for i := caller; ctx.Err() == nil; i += b.settings.Callers {
					if b.ask(clients[caller%len(clients)], i%b.settings.Users) != nil {
						failed.Add(1)
					}
					done.Add(1)
				}
			})
		}
		all.Wait()
		after, err := ownCPU()
		return figures{Recipients: int(done.Load()), Errors: int(failed.Load()), ClientCPU: (after - before).Seconds()}, err
	})
}

// ask makes one call, to its end: what is counted has been answered.
func (b *bench) ask(client nextbestv1.DecisionServiceClient, i int) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	id := users.ID(i)
	if b.settings.Loop == "offers" {
		_, err = client.Rank(ctx, &nextbestv1.RankRequest{Loop: b.settings.Loop, EventId: "single:" + id, UserId: id})
	} else {
		_, err = client.SendTime(ctx, &nextbestv1.SendTimeRequest{Loop: b.settings.Loop, EventId: "single:" + id, UserId: id, Campaign: "single"})
	}
	return err
}

func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
