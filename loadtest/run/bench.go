//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nextbest/nextbest/loadtest/process"
	"github.com/nextbest/nextbest/loadtest/users"
)

// What can be measured: a server and the protocol that it is called over.
const (
	baselineGRPC = "baseline/grpc"
	serviceGRPC  = "service/grpc"
	serviceREST  = "service/rest"
)

var allTargets = []string{baselineGRPC, serviceGRPC, serviceREST}

func isTarget(name string) bool { return slices.Contains(allTargets, name) }

// seed makes the users of every run the same.
const seed = 1

// bench is what the measurements share.
type bench struct {
	settings settings
	dir      string
	baseline string // binary
	redis    *process.Process
	redisURL string
}

// newBench builds the baseline, and starts and fills Redis. Its owner closes it.
func newBench(ctx context.Context, s settings, dir string) (*bench, error) {
	if _, err := os.Stat("loadtest/scenario.js"); err != nil {
		return nil, errors.New("run this from the project's root")
	}
	b := &bench{settings: s, dir: dir, baseline: filepath.Join(dir, "baseline")}
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", b.baseline, "./loadtest/baseline")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the baseline: %w\n%s", err, out)
	}
	if err := b.startRedis(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) startRedis(ctx context.Context) error {
	addr, err := process.FreeAddr()
	if err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(addr)
	b.redis, err = process.Start(b.dir, "redis-server", "redis-server",
		"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", b.dir)
	if err != nil {
		return err
	}
	b.redisURL = "redis://" + addr
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	if err := b.redis.Ready(ctx, func(ctx context.Context) error { return client.Ping(ctx).Err() }); err != nil {
		return err
	}
	say("filling Redis with %d users", b.settings.Users)
	return users.Fill(ctx, client, seed, b.settings.Users)
}

func (b *bench) close() {
	if b.redis != nil {
		b.redis.Stop()
	}
}

// measure starts the target's server, warms it up, and measures it.
func (b *bench) measure(ctx context.Context, target string) (result, error) {
	server, addr, err := b.startServer(ctx, target)
	if err != nil {
		return result{}, err
	}
	defer server.Stop()
	if _, err := b.load(ctx, target, addr, b.settings.WarmUp); err != nil {
		return result{}, fmt.Errorf("warm up: %w", err)
	}
	before, err := b.cpu(server)
	if err != nil {
		return result{}, err
	}
	figures, err := b.load(ctx, target, addr, b.settings.Duration)
	if err != nil {
		return result{}, err
	}
	after, err := b.cpu(server)
	if err != nil {
		return result{}, err
	}
	if figures.Calls == 0 {
		return result{}, errors.New("no call was made")
	}
	perCall := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(figures.Calls) }
	return result{
		Target:      target,
		figures:     figures,
		CallsPerSec: float64(figures.Calls) / figures.Seconds,
		ServerCPU:   perCall(after.server - before.server),
		RedisCPU:    perCall(after.redis - before.redis),
	}, nil
}

// usage is CPU time used so far.
type usage struct{ server, redis time.Duration }

func (b *bench) cpu(server *process.Process) (usage, error) {
	if err := server.Alive(); err != nil {
		return usage{}, err
	}
	s, err := server.CPU()
	if err != nil {
		return usage{}, err
	}
	r, err := b.redis.CPU()
	return usage{server: s, redis: r}, err
}

// startServer starts what a target calls, with nothing left of the measurements before, and returns where it listens.
func (b *bench) startServer(ctx context.Context, target string) (server *process.Process, addr string, err error) {
	grpcAddr, err := process.FreeAddr()
	if err != nil {
		return nil, "", err
	}
	if target == baselineGRPC {
		server, err = process.Start(b.dir, "baseline", b.baseline, "--grpc", grpcAddr, "--redis", b.redisURL)
		if err != nil {
			return nil, "", err
		}
		return b.started(ctx, server, grpcAddr, func(ctx context.Context) error { return dial(ctx, grpcAddr) })
	}
	httpAddr, err := process.FreeAddr()
	if err != nil {
		return nil, "", err
	}
	data, err := os.MkdirTemp(b.dir, "data-")
	if err != nil {
		return nil, "", err
	}
	server, err = process.Start(b.dir, "service", b.settings.service, "serve", "--loops", "loadtest/loops", "--data", data,
		"--redis", b.redisURL, "--http", httpAddr, "--grpc", grpcAddr)
	if err != nil {
		return nil, "", err
	}
	if target == serviceREST {
		addr = httpAddr
	} else {
		addr = grpcAddr
	}
	return b.started(ctx, server, addr, func(ctx context.Context) error { return get(ctx, "http://"+httpAddr+"/readyz") })
}

// started waits for a server and stops it when it does not get ready.
func (b *bench) started(ctx context.Context, p *process.Process, addr string, probe func(context.Context) error) (
	*process.Process, string, error) {
	if err := p.Ready(ctx, probe); err != nil {
		p.Stop()
		return nil, "", err
	}
	return p, addr, nil
}

func dial(ctx context.Context, addr string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return nil
}
