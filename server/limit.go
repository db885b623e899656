package server

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc"
)

// inFlight bounds the calls that run at once. There is no queue: at twice the load that a server can take, a queue
// turns nearly every answer into one that comes after its deadline, while a bound keeps the good ones good.
type inFlight struct {
	most    int64
	running atomic.Int64
	shed    func(context.Context)
}

// intercept refuses a call when too many are running.
func (l *inFlight) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if isHealth(info.FullMethod) {
		return handler(ctx, request)
	}
	defer l.running.Add(-1)
	if l.running.Add(1) > l.most {
		l.shed(ctx)
		return nil, refuse(Overloaded, "")
	}
	return handler(ctx, request)
}
