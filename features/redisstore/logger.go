package redisstore

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// LogTo sends what go-redis says of its own accord, such as each connection that fails, to logger at level Debug: an
// outage is told once by the store itself. Otherwise go-redis writes to the standard error in a format of its own. It
// has one logger for the whole process: this is for main to call, once.
func LogTo(logger *slog.Logger) { redis.SetLogger(clientLog{logger}) }

type clientLog struct{ logger *slog.Logger }

// Printf implements go-redis' logging.
func (l clientLog) Printf(ctx context.Context, format string, v ...any) {
	l.logger.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
}
