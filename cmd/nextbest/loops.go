package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"

	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// loopFiles keeps the loops in force in step with a directory of loop files.
type loopFiles struct {
	learner *learn.Learner
	logger  *slog.Logger
	stop    context.CancelFunc
	done    chan struct{}

	mu     sync.Mutex
	errors map[string]string // why a loop's file is not in force
}
