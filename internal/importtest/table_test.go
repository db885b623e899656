package importtest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The table of folders in docs/architecture.md has a row for every rule, and says the same.
func TestTheTableSaysWhatTheRulesSay(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	inTable := folderTable(string(text))
	for _, r := range rules {
		pkg := strings.TrimSuffix(r.packages, "/...")
		if pkg == "cmd" {
			pkg = "cmd/nextbest"
		}
		got, ok := inTable[pkg]
		if !ok {
			t.Errorf("docs/architecture.md has no row for %s", pkg)
			continue
		}
		delete(inTable, pkg)
		want := make([]string, 0, len(r.ours))
		for _, p := range r.ours {
			// That a folder may import what is below it goes without saying.
			if p = strings.TrimSuffix(p, "/..."); p != pkg {
				want = append(want, p)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("docs/architecture.md says otherwise than rules.go of what %s may import (-rules +table):\n%s", pkg, diff)
		}
	}
	for pkg := range inTable {
		t.Errorf("docs/architecture.md has a row for %s, which has no rule", pkg)
	}
}

func TestRulesAreForFoldersThatExist(t *testing.T) {
	for _, r := range rules {
		for _, p := range append([]string{r.packages}, r.ours...) {
			dir := strings.TrimSuffix(strings.TrimSuffix(p, "..."), "/")
			if _, err := os.Stat("../../" + dir); err != nil {
				t.Errorf("the rule for %s names %s, which does not exist", r.packages, p)
			}
		}
	}
}

// folderTable reads rows like "| `a` | what it holds | `b`, `c` (why) |".
func folderTable(text string) map[string][]string {
	words := strings.NewReplacer("everything", "`...`", "log records", "`proto/gen/nextbest/log/v1`", "the generated API", "`proto/gen`")
	quoted := regexp.MustCompile("`([^`]+)`")
	table := map[string][]string{}
	for line := range strings.SplitSeq(text, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		names := []string{}
		for _, m := range quoted.FindAllStringSubmatch(words.Replace(cells[3]), -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		table[strings.Trim(cells[1], " `")] = names
	}
	return table
}
