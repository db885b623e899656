// Package storetest says what a features.Store does: every implementation passes Run, and any two of them pass Compare.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/features"
)

// Run tests a store against what features.Store promises. newStore returns an empty one; the suite closes it.
func Run(t *testing.T, newStore func(t *testing.T) features.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s features.Store)
	}{
		{"unknown user", unknownUser},
		{"put merges", putMerges},
		{"fetch answers in order", fetchOrder},
		{"delete forgets", deleteForgets},
		{"any id and text", anyText},
		{"limits", limits},
		{"invalid calls", invalidCalls},
		{"nothing is shared with callers", nothingShared},
		{"put is atomic", putIsAtomic},
		{"concurrent writers", concurrentWriters},
		{"ended contexts", endedContexts},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			defer func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}()
			c.run(t, s)
		})
	}
}

func put(t *testing.T, s features.Store, user string, values map[string]string) {
	t.Helper()
	if err := s.Put(t.Context(), user, values); err != nil {
		t.Fatalf("put: %v", err)
	}
}

func wantAll(t *testing.T, s features.Store, user string, want map[string]string) {
	t.Helper()
	got, err := s.All(t.Context(), user)
	if err != nil {
		t.Fatalf("all: %v", err)
	}
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("all of %q (-want +got): %s", user, diff)
	}
}

func wantFetch(t *testing.T, s features.Store, user string, names []string, want ...features.Raw) {
	t.Helper()
	got, err := s.Fetch(t.Context(), user, names)
	if err != nil {
		t.Fatalf("fetch: %v", err)
	}
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fetch of %q %q (-want +got): %s", user, names, diff)
	}
}

func present(text string) features.Raw { return features.Raw{Text: text, Present: true} }

func unknownUser(t *testing.T, s features.Store) {
	wantFetch(t, s, "nobody", []string{"a", "b"}, features.Raw{}, features.Raw{})
	wantFetch(t, s, "nobody", nil)
	wantAll(t, s, "nobody", nil)
	if err := s.Delete(t.Context(), "nobody"); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func putMerges(t *testing.T, s features.Store) {
	put(t, s, "u", map[string]string{"a": "1", "b": "2"})
	put(t, s, "u", map[string]string{"b": "3", "c": ""})
	put(t, s, "u", nil)
	wantAll(t, s, "u", map[string]string{"a": "1", "b": "3", "c": ""})
	put(t, s, "empty", nil)
	wantAll(t, s, "empty", nil)
}

func fetchOrder(t *testing.T, s features.Store) {
	put(t, s, "u", map[string]string{"a": "1", "b": "", "c": "3", "@at": "7"})
	wantFetch(t, s, "u", []string{"c", "x", "b", "a", "c", "@at", "A"},
		present("3"), features.Raw{}, present(""), present("1"), present("3"), present("7"), features.Raw{})
	wantFetch(t, s, "u", nil)
}

func deleteForgets(t *testing.T, s features.Store) {
	put(t, s, "u", map[string]string{"a": "1"})
	put(t, s, "other", map[string]string{"a": "2"})
	for range 2 {
		if err := s.Delete(t.Context(), "u"); err != nil {
			t.Fatalf("delete: %v", err)
		}
	}
	wantAll(t, s, "u", nil)
	wantFetch(t, s, "u", []string{"a"}, features.Raw{})
	wantAll(t, s, "other", map[string]string{"a": "2"})
	put(t, s, "u", map[string]string{"b": "3"})
	wantAll(t, s, "u", map[string]string{"b": "3"})
}

// oddIDs are user ids that have confused keys before: braces, which clusters hash by; separators; bytes that are not text.
var oddIDs = []string{
	"u", "U", " u", "u ", "{u}", "{", "}", "{}", "{}u", "}{", "a{b}c", "a:b", "nb:u:{u}", "日本", "é", "e\u0301",
	"\x00", "a\x00b", "\xff\xfe", "a\r\nb", "*", "?", strings.Repeat("x", features.MaxUser),
}

func anyText(t *testing.T, s features.Store) {
	names := []string{"f", "F", " f", "f@at", "@at", "{f}", "名前", "a\x00b", "a\r\nb", strings.Repeat("n", features.MaxName)}
	for i, user := range oddIDs {
		values := map[string]string{}
		for j, name := range names {
			values[name] = fmt.Sprintf("%d/%d \x00\r\n\xff 日本 %q", i, j, user)
		}
		put(t, s, user, values)
	}
	for i, user := range oddIDs {
		raw, err := s.Fetch(t.Context(), user, names)
		if err != nil {
			t.Fatalf("fetch of %q: %v", user, err)
		}
		for j := range names {
			if want := present(fmt.Sprintf("%d/%d \x00\r\n\xff 日本 %q", i, j, user)); raw[j] != want {
				t.Errorf("%q %q is %q, want %q", user, names[j], raw[j].Text, want.Text)
			}
		}
		if err := s.Delete(t.Context(), user); err != nil {
			t.Fatalf("delete of %q: %v", user, err)
		}
		wantAll(t, s, user, nil)
	}
}

func limits(t *testing.T, s features.Store) {
	long := strings.Repeat("v", features.MaxStored)
	put(t, s, "u", map[string]string{"long": long})
	wantFetch(t, s, "u", []string{"long"}, present(long))
	many := map[string]string{}
	for i := range features.MaxFields {
		many[strconv.Itoa(i)] = "x"
	}
	put(t, s, "many", many)
	wantAll(t, s, "many", many)
}

func invalidCalls(t *testing.T, s features.Store) {
	ctx := t.Context()
	tooMany := map[string]string{}
	for i := range features.MaxFields + 1 {
		tooMany[strconv.Itoa(i)] = "x"
	}
	tooLarge := map[string]string{}
	for i := range features.MaxPut/features.MaxStored + 1 {
		tooLarge[strconv.Itoa(i)] = strings.Repeat("v", features.MaxStored)
	}
	_, fetchErr := s.Fetch(ctx, "", []string{"a"})
	_, fetchLongErr := s.Fetch(ctx, strings.Repeat("x", features.MaxUser+1), []string{"a"})
	_, allErr := s.All(ctx, "")
	for name, err := range map[string]error{
		"fetch of nobody":        fetchErr,
		"fetch of a long id":     fetchLongErr,
		"all of nobody":          allErr,
		"put to nobody":          s.Put(ctx, "", map[string]string{"a": "1"}),
		"delete of nobody":       s.Delete(ctx, ""),
		"a feature without name": s.Put(ctx, "u", map[string]string{"a": "1", "": "1"}),
		"a long name":            s.Put(ctx, "u", map[string]string{strings.Repeat("n", features.MaxName+1): "1"}),
		"a name not in UTF-8":    s.Put(ctx, "u", map[string]string{"\xff": "1"}),
		"a long text":            s.Put(ctx, "u", map[string]string{"a": strings.Repeat("v", features.MaxStored+1)}),
		"too many features":      s.Put(ctx, "u", tooMany),
		"too large a put":        s.Put(ctx, "u", tooLarge),
	} {
		wantReason(t, name, err, features.ReasonInvalid)
	}
	wantAll(t, s, "u", nil)
}

func wantReason(t *testing.T, what string, err error, reason string) {
	t.Helper()
	var se *features.StoreError
	if !errors.As(err, &se) || se.Reason != reason {
		t.Errorf("%s: %v, want a StoreError with reason %q", what, err, reason)
	}
}

func nothingShared(t *testing.T, s features.Store) {
	given := map[string]string{"a": "1"}
	put(t, s, "u", given)
	given["a"] = "changed"
	all, err := s.All(t.Context(), "u")
	if err != nil {
		t.Fatal(err)
	}
	all["a"] = "changed"
	raw, err := s.Fetch(t.Context(), "u", []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	raw[0].Text = "changed"
	wantFetch(t, s, "u", []string{"a"}, present("1"))
	wantAll(t, s, "u", map[string]string{"a": "1"})
}

// putIsAtomic has readers look for a Put of two features of which one is seen.
func putIsAtomic(t *testing.T, s features.Store) {
	const rounds = 200
	put(t, s, "u", map[string]string{"a": "0", "b": "0"})
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				raw, err := s.Fetch(t.Context(), "u", []string{"a", "b"})
				if err != nil {
					t.Errorf("fetch: %v", err)
					return
				}
				if raw[0] != raw[1] {
					t.Errorf("half a put: a=%q b=%q", raw[0].Text, raw[1].Text)
					return
				}
				select {
				case <-done:
					return
				case <-time.After(50 * time.Microsecond): // the writer needs the processor as well
				}
			}
		})
	}
	for i := range rounds {
		n := strconv.Itoa(i)
		put(t, s, "u", map[string]string{"a": n, "b": n})
	}
	close(done)
	wg.Wait()
}

// concurrentWriters has many callers at once, each with a feature of a shared user and a user of its own.
func concurrentWriters(t *testing.T, s features.Store) {
	const writers, rounds = 16, 20
	var wg sync.WaitGroup
	want := map[string]string{}
	for w := range writers {
		name := "f" + strconv.Itoa(w)
		want[name] = strconv.Itoa(rounds - 1)
		wg.Go(func() {
			for i := range rounds {
				values := map[string]string{name: strconv.Itoa(i)}
				if err := s.Put(t.Context(), "shared", values); err != nil {
					t.Errorf("put: %v", err)
				}
				if err := s.Put(t.Context(), name, values); err != nil {
					t.Errorf("put: %v", err)
				}
				for _, user := range []string{"shared", name} {
					raw, err := s.Fetch(t.Context(), user, []string{name, "none"})
					if err != nil || raw[0] != present(values[name]) || raw[1].Present {
						t.Errorf("%s does not read its own write of %d: %v, %v", name, i, raw, err)
					}
				}
			}
		})
	}
	wg.Wait()
	wantAll(t, s, "shared", want)
}

func endedContexts(t *testing.T, s features.Store) {
	put(t, s, "u", map[string]string{"a": "1"})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, c := range []struct {
		ctx    context.Context
		is     error
		reason string
	}{{canceled, context.Canceled, features.ReasonCanceled}, {late, context.DeadlineExceeded, features.ReasonTimeout}} {
		_, fetchErr := s.Fetch(c.ctx, "u", []string{"a"})
		_, allErr := s.All(c.ctx, "u")
		for op, err := range map[string]error{
			"fetch": fetchErr, "all": allErr,
			"put": s.Put(c.ctx, "u", map[string]string{"a": "2"}), "delete": s.Delete(c.ctx, "u"),
		} {
			wantReason(t, op, err, c.reason)
			if !errors.Is(err, c.is) {
				t.Errorf("%s: %v is not %v", op, err, c.is)
			}
		}
	}
	wantAll(t, s, "u", map[string]string{"a": "1"}) // what ended before it began did nothing
}
