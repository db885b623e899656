package learn

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/eventlog"
)

// A thousand skipped records are told in a line a minute for each reason, and every one is counted.
func TestSkipsAreToldNowAndThen(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1_800_000_000, 0)
	s := newSkips(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return now })
	for i := range 1000 {
		s.tell(eventlog.Position(i), PoisonUnknownLoop, errors.New("loop \"gone\""))
	}
	s.tell(5000, PoisonDecision, errors.New("another reason"))
	now = now.Add(skipsEvery)
	s.tell(9000, PoisonUnknownLoop, errors.New("loop \"gone\""))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[2], "and_untold_before=999") || !strings.Contains(lines[2], "log_position=9000") {
		t.Errorf("%d lines:\n%s", len(lines), out.String())
	}
}
