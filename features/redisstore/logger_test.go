package redisstore

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// What go-redis says reaches the given logger, as one record.
func TestLogTo(t *testing.T) {
	var out bytes.Buffer
	LogTo(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer LogTo(slog.New(slog.DiscardHandler))
	s, err := New(Options{URL: "redis://127.0.0.1:1", DialTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fetch(t.Context(), "u", []string{"x"}); err == nil {
		t.Fatal("nothing listens there, and it answered")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), `{"time"`) || !strings.Contains(out.String(), "127.0.0.1:1") {
		t.Errorf("logged %q", out.String())
	}
}
