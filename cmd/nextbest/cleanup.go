package main

import (
	"context"
	"log/slog"
	"time"
)

// hardStop bounds the whole of an orderly stop.
const hardStop = 20 * time.Second

// stops are the steps of an orderly stop, run in the reverse of the order in which they were added.
type stops struct {
	logger *slog.Logger
	steps  []stopStep
}

type stopStep struct {
	name string
	stop func(context.Context) error
}

func (s *stops) add(name string, stop func(context.Context) error) {
	s.steps = append(s.steps, stopStep{name, stop})
}

// addClose adds a step that cannot be hurried.
func (s *stops) addClose(name string, stop func() error) {
	s.add(name, func(context.Context) error { return stop() })
}

// run stops everything; a step that fails is logged, and those before it are stopped all the same.
func (s *stops) run() {
	ctx, cancel := context.WithTimeout(context.Background(), hardStop)
	defer cancel()
	for i := len(s.steps) - 1; i >= 0; i-- {
		if err := s.steps[i].stop(ctx); err != nil {
			s.logger.Error("stop", "step", s.steps[i].name, "error", err)
		}
	}
}
