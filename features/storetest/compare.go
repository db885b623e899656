package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/features"
)

// Compare drives two stores with the same random operations and compares every answer. reopen, which may be nil,
// is one more operation: it closes b and returns it as it comes back.
func Compare(t *testing.T, a, b features.Store, reopen func() features.Store) {
	users := append([]string{"", strings.Repeat("x", features.MaxUser+1)}, oddIDs...)
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{a: a, b: b}
		for _, user := range users[2:] { // each run begins without users
			m.both(t, func(s features.Store) (any, error) { return nil, s.Delete(context.Background(), user) })
		}
		drawUser := rapid.SampledFrom(users)
		drawName := rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "c", "a@at", "@at"}), rapid.StringN(0, 3, features.MaxName+1))
		drawText := rapid.OneOf(rapid.String(), rapid.Just("\xff\x00\r\n"))
		actions := map[string]func(*rapid.T){
			"fetch": func(t *rapid.T) {
				user, names := drawUser.Draw(t, "user"), rapid.SliceOfN(drawName, 0, 6).Draw(t, "names")
				m.both(t, func(s features.Store) (any, error) { return nilIfEmpty(s.Fetch(context.Background(), user, names)) })
			},
			"put": func(t *rapid.T) {
				user, values := drawUser.Draw(t, "user"), rapid.MapOfN(drawName, drawText, 0, 6).Draw(t, "values")
				m.both(t, func(s features.Store) (any, error) { return nil, s.Put(context.Background(), user, values) })
			},
			"all": func(t *rapid.T) {
				user := drawUser.Draw(t, "user")
				m.both(t, func(s features.Store) (any, error) {
					values, err := s.All(context.Background(), user)
					if len(values) == 0 {
						return nil, err
					}
					return values, err
				})
			},
			"delete": func(t *rapid.T) {
				user := drawUser.Draw(t, "user")
				m.both(t, func(s features.Store) (any, error) { return nil, s.Delete(context.Background(), user) })
			},
		}
		if reopen != nil {
			actions["reopen"] = func(*rapid.T) {
				b = reopen()
				m.b = b
			}
		}
		t.Repeat(actions)
	})
}

type machine struct{ a, b features.Store }

func (m *machine) both(t *rapid.T, do func(features.Store) (any, error)) {
	t.Helper()
	fromA, errA := do(m.a)
	fromB, errB := do(m.b)
	if ra, rb := reason(errA), reason(errB); ra != rb {
		t.Fatalf("one store says %v, the other %v", errA, errB)
	}
	if diff := cmp.Diff(fromA, fromB); diff != "" {
		t.Fatalf("the stores differ: %s", diff)
	}
}

func nilIfEmpty(raw []features.Raw, err error) (any, error) {
	if len(raw) == 0 {
		return nil, err
	}
	return raw, err
}

func reason(err error) string {
	var se *features.StoreError
	if errors.As(err, &se) {
		return se.Reason
	}
	if err != nil {
		return "untyped: " + err.Error()
	}
	return ""
}
