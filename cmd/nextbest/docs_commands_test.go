package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/loop"
)

// shell returns the command lines that begin with nextbest in a page's sh blocks.
func shell(t *testing.T, page string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
		for _, line := range strings.Split(block[1], "\n") {
			if strings.HasPrefix(line, "nextbest ") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// Every command of these pages exists, with the flags and as many arguments as are shown.
func TestCommandsInDocsExist(t *testing.T) {
	words := regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`)
	n := 0
	for _, page := range []string{"audit.md", "batch.md", "catalogue.md", "webhooks.md"} {
		for _, line := range shell(t, page) {
			n++
			args := words.FindAllString(line, -1)[1:]
			for i := range args {
				args[i] = strings.Trim(args[i], `"'`)
			}
			cmd, rest, err := rootCommand().Find(args)
			if err != nil {
				t.Errorf("%s: %s: %v", page, line, err)
				continue
			}
			if err := cmd.ParseFlags(rest); err != nil {
				t.Errorf("%s: %s: %v", page, line, err)
			}
			if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
				t.Errorf("%s: %s: %v", page, line, err)
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d commands were found", n)
	}
}

// The loop file of the page on the catalogue compiles, and its action is admitted.
func TestTheCataloguesPage(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "catalogue.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := func(language string) string {
		m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(string(b))
		if m == nil {
			t.Fatalf("no %s block", language)
		}
		return m[1]
	}
	d, err := loop.Compile("offers.yaml", []byte(block("yaml")))
	if err != nil {
		t.Fatal(err)
	}
	r := rowOf(1, []byte(block("json")))
	if r.err != nil || r.variant.GetValidFrom() == nil {
		t.Fatalf("%v: %v", r.variant, r.err)
	}
	if d.Catalogue == nil || d.Catalogue.ReviewShare != 0.05 {
		t.Errorf("%+v", d.Catalogue)
	}
}
