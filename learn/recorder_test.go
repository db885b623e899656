package learn

import (
	"bytes"
	"log/slog"
	"sync"
)

// recorder is a logger whose output can be read.
type recorder struct {
	*slog.Logger
	mu sync.Mutex
	b  bytes.Buffer
}

func newRecorder() *recorder {
	r := new(recorder)
	r.Logger = slog.New(slog.NewTextHandler(r, nil))
	return r
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(b)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}
