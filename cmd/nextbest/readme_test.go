package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"

	"github.com/nextbest/nextbest/loop"
)

var codeBlock = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")

// blocks returns the README's code blocks of a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range codeBlock.FindAllStringSubmatch(string(text), -1) {
		if m[1] == language {
			out = append(out, m[2])
		}
	}
	return out
}

// The README's calls are made as they stand there, and the first answer and the change that it promises come true.
func TestREADME(t *testing.T) {
	program, data := binary(t, ""), t.TempDir()
	s := start(t, program, data)
	place := strings.NewReplacer("127.0.0.1:8080", s.http, "bin/nextbest", program, "--data data", "--data "+data)
	var answers []string
	rewards := uint64(0)
	for _, block := range blocks(t, "sh") {
		if strings.HasPrefix(block, "make ") {
			continue
		}
		for _, call := range strings.Split(strings.ReplaceAll(strings.TrimSpace(block), "\\\n", " "), "\n") {
			out, err := exec.Command("sh", "-c", place.Replace(call)).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", call, err, out)
			}
			answers = append(answers, string(out))
			if strings.Contains(call, "/reward") {
				rewards++
				awaitLearned(t, s, rewards)
			}
		}
	}
	var got, want any
	if err := json.Unmarshal([]byte(answers[0]), &got); err != nil {
		t.Fatalf("%v: %s", err, answers[0])
	}
	if err := json.Unmarshal([]byte(blocks(t, "json")[0]), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the first answer is not the README's: %s", diff)
	}
	var last nextbestAnswer
	if err := json.Unmarshal([]byte(answers[4]), &last); err != nil {
		t.Fatal(err)
	}
	promised := learnedShare(t)
	for _, r := range last.Ranking {
		if got := strconv.Itoa(int(100*r.Probability + 0.5)); r.ID == "new-arrivals" && got != promised {
			t.Errorf("new-arrivals has %s%% now, the README says %s%%", got, promised)
		}
	}
}

// learnedShare returns the percentage that the README promises for new-arrivals after the two rewards.
func learnedShare(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("`new-arrivals` went from 25% to ([0-9]+)%").FindSubmatch(text)
	if m == nil {
		t.Fatal("the README does not say what was learned")
	}
	return string(m[1])
}

type nextbestAnswer struct {
	Ranking []struct {
		ID          string
		Probability float64
	}
}

// awaitLearned waits until every reward so far is in the served model.
// awaitLearned waits until so many rewards are in the served model.
func awaitLearned(t *testing.T, s *service, rewards uint64) {
	t.Helper()
	for range 500 {
		l, err := s.loops.GetLoop(t.Context(), &nextbestv1.GetLoopRequest{Loop: demoLoop})
		if err != nil {
			t.Fatal(err)
		}
		if l.GetRewards()["joined"] == rewards && l.GetSnapshot().GetEvents() == rewards && l.GetLearner().GetLagRecords() == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the reward was not learned from")
}

func TestREADMELoopFile(t *testing.T) {
	for _, file := range blocks(t, "yaml") {
		if _, err := loop.Compile("homepage.yaml", []byte(file)); err != nil {
			t.Error(err)
		}
	}
}
