package redisstore

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// LogTo sends what go-redis says of its connections to l, at level Debug: each refused dial is a line, and the store's
// own errors and counters tell an outage better. It changes the whole process, so it is for main to call.
func LogTo(l *slog.Logger) { redis.SetLogger(clientLog{l}) }

type clientLog struct{ *slog.Logger }

// Printf implements go-redis' logger.
func (c clientLog) Printf(ctx context.Context, format string, v ...any) {
	c.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
}
