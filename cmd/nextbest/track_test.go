package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/loop"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// A report without an event id finds its event also after kill -9, is not counted twice, and replay finds no difference.
func TestTrackAcrossARestart(t *testing.T) {
	program, data := binary(t, ""), t.TempDir()
	s := start(t, program, data)
	if _, err := s.Rank(t.Context(), &nextbestv1.RankRequest{Loop: "homepage", EventId: "e", UserId: "u"}); err != nil {
		t.Fatal(err)
	}
	expect := func(id, outcome string) {
		t.Helper()
		a, err := nextbestv1.NewTrackServiceClient(s.conn).Track(t.Context(), &nextbestv1.TrackRequest{UserId: "u", TrackId: id})
		if err != nil || a.GetOutcome() != outcome || a.GetEventId() != "e" {
			t.Errorf("%v, %v, want %s", a, err, outcome)
		}
	}
	expect("t1", "attributed")
	s.kill()
	s = start(t, program, data)
	expect("t1", "duplicate")
	expect("t2", "attributed")
	if _, err := nextbestv1.NewTrackServiceClient(s.conn).Track(t.Context(), &nextbestv1.TrackRequest{UserId: "stranger"}); err != nil {
		t.Fatal(err)
	}
	if page := metricsOf(t, s); !strings.Contains(page, `nextbest_track_unattributed_total{reason="no_decision"} 1`) ||
		!strings.Contains(page, `nextbest_track_reports_total{outcome="attributed"} 2`) {
		t.Errorf("%s", page)
	}
	s.kill()
	if out, errs, status := command(t, program, "replay", "--data", data); status != exitDone {
		t.Errorf("replay: %d\n%s%s", status, out, errs)
	}
	if out, errs, status := command(t, program, "log", "cat", "--data", data, "--kind", "track"); status != exitDone || !strings.Contains(out, "stranger") {
		t.Errorf("log cat: %d\n%s%s", status, out, errs)
	}
	if _, errs, status := command(t, program, "log", "verify", "--data", data); status != exitDone {
		t.Errorf("log verify: %d\n%s", status, errs)
	}
}

// The loop file on the page about rewards is one.
func TestRewardsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "rewards.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, file, _ := strings.Cut(string(page), "```yaml\n")
	file, _, ok := strings.Cut(file, "```")
	d, err := loop.Compile("newsletter.yaml", []byte(file))
	if !ok || err != nil {
		t.Fatal(err)
	}
	if len(d.Reward.Machine) != 3 || d.Reward.Metrics[2].Weight != -5 {
		t.Errorf("%+v", d.Reward)
	}
}

func metricsOf(t *testing.T, s *service) string {
	t.Helper()
	response, err := http.Get("http://" + s.http + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}
