package importtest

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func check(t *testing.T, dir string) (found []string, files int) {
	t.Helper()
	tree, err := Load(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return Check(tree), len(tree)
}

func TestTheTreeKeepsTheRules(t *testing.T) {
	found, files := check(t, "../..")
	if files < 10 {
		t.Fatalf("only %d files found: is this the root of the module?", files)
	}
	for _, violation := range found {
		t.Error(violation)
	}
}

// The negative control: what is broken on purpose is reported, all of it and nothing else.
func TestViolationsAreReported(t *testing.T) {
	found, _ := check(t, "testdata/violations")
	want, err := os.ReadFile("testdata/violations.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), found); diff != "" {
		t.Errorf("reported differs from testdata/violations.txt (-want +got):\n%s", diff)
	}
}

func TestReasonsAreNeeded(t *testing.T) {
	for file, reason := range longFiles {
		if reason == "" {
			t.Errorf("%s is in longFiles without a reason", file)
		}
		if _, err := os.Stat("../../" + file); err != nil {
			t.Errorf("%s is in longFiles and not in the tree", file)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, pkg string
		want         bool
	}{
		{"features", "features", true},
		{"features", "features/redisstore", false},
		{"features/...", "features", true},
		{"features/...", "features/redisstore", true},
		{"features/...", "featuresx", false},
		{"...", "anything/at/all", true},
	} {
		if got := matches(c.pattern, c.pkg); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.pattern, c.pkg, got)
		}
	}
}
