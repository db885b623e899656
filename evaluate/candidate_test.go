package evaluate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Words of the command line name candidates; "action:*" is each action of the newest file.
func TestCandidateWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(path, []byte(shopFile), 0o600); err != nil {
		t.Fatal(err)
	}
	var candidates []Candidate
	for _, word := range []string{"online", "uniform", "baseline", "action:b", "action:*", path} {
		candidates = append(candidates, must(ParseCandidate("shop", word)))
	}
	s := newScribe(t)
	s.put("shop", shopFile)
	l, _ := read(t, Options{Data: s.data, Loop: "shop", Candidates: candidates})
	want := []string{"online", "uniform", "baseline", "action:b", "action:a", "action:b", "action:c", path}
	if got := l.Candidates(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for word, why := range map[string]string{"action:": "which one", "no-such.yaml": "no-such.yaml", "no-such": "want online, uniform"} {
		if _, err := ParseCandidate("shop", word); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", word, err)
		}
	}
	requests := strings.NewReplacer("actions:\n", "actions: from_request\n", "  - {id: a, features: {price: 1}}\n", "",
		"  - {id: b, features: {price: 2}}\n", "", "  - {id: c, features: {price: 3}}\n", "").Replace(shopFile)
	s.put("shop", requests)
	if _, err := Open(t.Context(), Options{Data: s.data, Loop: "shop", Candidates: candidates}); err == nil || !strings.Contains(err.Error(), "one by one") {
		t.Errorf("each action of requests: %v", err)
	}
}
