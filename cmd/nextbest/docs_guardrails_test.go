package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page on guardrails quotes the files beside it, and what the commands print of them.
func TestGuardrailsPage(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	page, err := os.ReadFile("docs/guardrails.md")
	if err != nil {
		t.Fatal(err)
	}
	files := ""
	if err := filepath.WalkDir("docs/guardrails", func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files += "\x00\n" + string(text)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	quoted := 0
	for _, m := range codeBlock.FindAllStringSubmatch(string(page), -1) {
		quoted++
		if m[1] != "yaml" || !strings.Contains(files, "\n"+m[2]) {
			t.Errorf("this is in no file of docs/guardrails:\n%s", m[2])
		}
	}
	commands := 0
	for _, block := range strings.Split(string(page), "\n```\n$ nextbest ")[1:] {
		commands++
		block, _, _ = strings.Cut(block, "```\n")
		line, want, _ := strings.Cut(block, "\n")
		status, printed, errs := runCheck(t, strings.Fields(strings.TrimPrefix(line, "check "))...)
		if strings.Contains(line, "--against") { // there is no such log: it must be a command that the program takes
			if status != exitFailed || !strings.Contains(errs, "loops/spring-offers.yaml") && !strings.Contains(printed, "loops/spring-offers.yaml") {
				t.Errorf("%s: exit %d, %s%s", line, status, printed, errs)
			}
			continue
		}
		if status != exitDone || printed != want {
			t.Errorf("%s: exit %d, printed\n%s\nthe page says\n%s", line, status, printed, want)
		}
	}
	if quoted < 7 || commands != 3 {
		t.Errorf("the page has %d quotations and %d commands", quoted, commands)
	}
}
