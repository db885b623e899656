// Package kit is a test kit: it may import what tests may.
package kit

import (
	_ "github.com/redis/go-redis/v9"
	_ "google.golang.org/grpc/codes"
)
