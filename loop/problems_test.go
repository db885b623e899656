package loop_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/loop"
)

// messages compiles a text as t.yaml and returns its problems as line:col: message.
func messages(t testing.TB, text string) []string {
	t.Helper()
	return messagesOf(t, "t.yaml", text)
}

func messagesOf(t testing.TB, path, text string) []string {
	t.Helper()
	d, err := loop.Compile(path, []byte(text))
	if err == nil {
		return nil
	}
	var problems loop.Problems
	if !errors.As(err, &problems) || d != nil || len(problems) == 0 {
		t.Fatalf("Compile gave %v and the error %v", d, err)
	}
	var lines []string
	for _, p := range problems {
		if p.File != path {
			t.Errorf("a problem is said to be in %q", p.File)
		}
		lines = append(lines, fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Message))
	}
	return lines
}

// TestProblems reads testdata/problems.txt: each case is a title, a loop file, and every problem that it must give.
func TestProblems(t *testing.T) {
	text, err := os.ReadFile("testdata/problems.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(text), "\n=== ")[1:]
	if len(cases) < 40 {
		t.Fatalf("only %d cases", len(cases))
	}
	out := strings.Split(string(text), "\n=== ")[0]
	for _, c := range cases {
		title, body, _ := strings.Cut(c, "\n")
		file, want, _ := strings.Cut(body, "---problems\n")
		var got strings.Builder
		for _, m := range messages(t, file) {
			got.WriteString(m + "\n")
		}
		out += "\n=== " + title + "\n" + file + "---problems\n" + got.String()
		if !*update {
			t.Run(title, func(t *testing.T) {
				if diff := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(got.String())); diff != "" {
					t.Errorf("problems (-want +got):\n%s", diff)
				}
				if strings.TrimSpace(want) == "" {
					t.Error("the case is of a file that is right")
				}
			})
		}
	}
	if *update {
		if err := os.WriteFile("testdata/problems.txt", []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const smallest = "version: 1\nname: t\nactions: from_request\n"

func TestSizeIsCapped(t *testing.T) {
	fits := smallest + "# " + strings.Repeat("x", loop.MaxFileSize-len(smallest)-2)
	if got := messages(t, fits); got != nil {
		t.Errorf("a file of exactly the cap: %v", got)
	}
	if got := messages(t, fits+"x"); len(got) != 1 || !strings.Contains(got[0], "1048576") {
		t.Errorf("a file above the cap: %v", got)
	}
}

// TestBombs gives files that grow or nest without bound. They must be refused; the time is bounded only against hanging.
func TestBombs(t *testing.T) {
	alias := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		alias += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	for name, text := range map[string]string{
		"aliases":          alias,
		"brackets":         strings.Repeat("[", 1<<16),
		"braces":           strings.Repeat("{a: ", 1<<14),
		"dashes":           strings.Repeat("- ", 1<<16),
		"keys in one line": strings.Repeat("a: ", 1<<14),
		"question marks":   strings.Repeat("? ", 1<<16),
		"tags":             strings.Repeat("! ", 1<<14),
		"indented keys":    indented(1 << 9),
		"keys":             manyKeys(1 << 16),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if got := messages(t, text); len(got) == 0 || len(got) > 101 {
				t.Errorf("%d problems", len(got))
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func indented(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	return b.String()
}

// TestMutants compiles 1,000 damaged files. What is accepted must be right by the schema as well, which is another
// program's judgement: nothing damaged slips through.
func TestMutants(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	schema := resolved(t)
	right, wrong := 0, 0
	for range 1000 {
		text := mutate(r, everything)
		if messages(t, text) != nil {
			wrong++
			continue
		}
		right++
		v, err := asJSON(text)
		if err == nil {
			err = schema.Validate(v)
		}
		if err != nil {
			t.Errorf("accepted, but not by the schema: %v\n%s", err, text)
		}
	}
	if right < 20 || wrong < 500 {
		t.Errorf("%d right and %d wrong: the mutations test nothing", right, wrong)
	}
	t.Logf("%d right, %d wrong", right, wrong)
}

// TestManyProblemsAreCut: a file with thousands of problems tells the first hundred and how many more there are.
func TestManyProblemsAreCut(t *testing.T) {
	got := messages(t, smallest+manyKeys(250))
	if len(got) != 101 || !strings.Contains(got[100], "150 more") {
		t.Errorf("%d problems, the last %q", len(got), got[len(got)-1])
	}
}

// TestPlacesAfterAnyText: the place of a problem does not depend on comments, blank lines, CRLF, or letters that take
// several bytes before it.
func TestPlacesAfterAnyText(t *testing.T) {
	filler := rapid.SliceOfN(rapid.SampledFrom([]string{"", "# a comment", "# größe: [1, 2] 日本", "   ", "#"}), 0, 12)
	rapid.Check(t, func(rt *rapid.T) {
		end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(rt, "line end")
		before := filler.Draw(rt, "before")
		lines := append([]string{"version: 1", "name: t", "description: \"größe, 日本\""}, before...)
		lines = append(lines, "actions: from_request", "policy: {type: uniform, flor: 0.5}", "reward:")
		lines = append(lines, filler.Draw(rt, "within")...)
		lines = append(lines, "  agregation: sum")
		got := messages(t, strings.Join(lines, end)+end)
		want := []string{
			fmt.Sprintf("%d:25: policy.flor is not a key of loop files: did you mean floor?", len(before)+5),
			fmt.Sprintf("%d:3: reward.agregation is not a key of loop files: did you mean aggregation?", len(lines)),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("of %q: %s", lines, diff)
		}
	})
}

func TestNameIsTheFiles(t *testing.T) {
	for path, ok := range map[string]bool{"t.yaml": true, "t.yml": true, filepath.Join("x", "y", "t.yaml"): true, "u.yaml": false, "t.t.yaml": false} {
		if got := messagesOf(t, path, smallest); (got == nil) != ok {
			t.Errorf("%s: %v", path, got)
		}
	}
}
