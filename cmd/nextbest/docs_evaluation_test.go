package main

import (
	"os"
	"strings"
	"testing"
)

// The commands of the page must be such as the program takes; the files that they name do not exist.
func TestCommandsOfTheEvaluationPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/evaluation.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	found := 0
	for line := range strings.Lines(string(page)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "nextbest evaluate ")
		if !ok {
			continue
		}
		found++
		if status, _, errs := evaluateRun(t, strings.Fields(rest)...); status != exitFailed || !strings.Contains(errs, "no such file") {
			t.Errorf("%s: status %d: %s", line, status, errs)
		}
	}
	if found < 4 {
		t.Errorf("the page has %d commands", found)
	}
}
