package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/server"
)

// greet says on one screen what is running and what to try.
func greet(out io.Writer, srv *server.Server, learner *learn.Learner, o serveOptions) {
	store := "in this process; give --redis for a shared store"
	if o.redis != "" {
		store = "in Redis"
	}
	base := "http://" + srv.HTTPAddr().String()
	fmt.Fprintf(out, `
nextbest is ready.
  loops       %s
  REST        %s   (API: %s/openapi.json, metrics: %s/metrics)
  gRPC        %s
  data        %s
  features    %s
`, strings.Join(learner.Loops(), ", "), base, base, base, srv.GRPCAddr(), o.data, store)
	if _, ok := learner.Definition(demoLoop); ok {
		fmt.Fprintf(out, `
Try it: ask for an offer, then say that it was clicked.
  curl -s %[1]s/v1/loops/%[2]s/rank -H 'Content-Type: application/json' \
    -d '{"eventId":"e-1","userId":"u-1","context":{"device":"mobile","hour":13}}'
  curl -s %[1]s/v1/loops/%[2]s/events/e-1/reward -H 'Content-Type: application/json' -d '{"value":1}'
  curl -s %[1]s/v1/loops/%[2]s/events/e-1
Or let 32,000 real customers in, from another terminal: nextbest demo --grpc %[3]s
`, base, demoLoop, srv.GRPCAddr())
	}
}

// demoLoop is the shipped loop that the greeting and the README play on.
const demoLoop = "homepage"
