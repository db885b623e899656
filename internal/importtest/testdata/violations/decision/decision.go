// Package decision knows too much, and works by being imported.
package decision

import (
	"time"

	_ "github.com/nextbest/nextbest/eventlog"
	_ "github.com/nextbest/nextbest/features/redisstore"
	_ "github.com/nextbest/nextbest/server"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "google.golang.org/grpc"
	_ "google.golang.org/grpc/codes"
)

var started time.Time

func init() { started = time.Now() }
