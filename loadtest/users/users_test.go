package users

import (
	"maps"
	"slices"
	"testing"
)

// asMap reads a hash in the form of HSET's arguments.
func asMap(t *testing.T, hash []string) map[string]string {
	t.Helper()
	m := make(map[string]string)
	for pair := range slices.Chunk(hash, 2) {
		if len(pair) != 2 || pair[1] == "" {
			t.Fatalf("field without a value: %q", pair)
		}
		m[pair[0]] = pair[1]
	}
	return m
}

func TestHashIsAFunctionOfSeedAndUser(t *testing.T) {
	if !slices.Equal(Hash(1, 7), Hash(1, 7)) {
		t.Error("the same user differs")
	}
	if slices.Equal(Hash(1, 7), Hash(1, 8)) || slices.Equal(Hash(1, 7), Hash(2, 7)) {
		t.Error("another user or seed gives the same user")
	}
}

func TestUsersHaveThirtyFeaturesAndGaps(t *testing.T) {
	const n = 2000
	seen := make(map[string]int)
	for i := range n {
		for name := range asMap(t, Hash(1, i)) {
			seen[name]++
		}
	}
	names := Names()
	slices.Sort(names)
	if got := slices.Sorted(maps.Keys(seen)); len(names) != 30 || !slices.Equal(got, names) {
		t.Fatalf("features %v, want the 30 of Names", got)
	}
	for name, count := range seen {
		// 2% are missing; 5 standard deviations of a binomial count are 1.6%.
		if missing := 1 - float64(count)/n; missing < 0.004 || missing > 0.036 {
			t.Errorf("%s is missing for %.1f%% of the users, want about 2%%", name, 100*missing)
		}
	}
}

func TestKeyHasTheBraces(t *testing.T) {
	if got := Key(ID(42)); got != "nb:u:{u-000042}" {
		t.Errorf("key %q", got)
	}
}
