package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The reports of an empty log have every member, under names in one style, and no list that is null.
func TestReportsAsJSON(t *testing.T) {
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, logFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want map[string]any
	}{
		{[]string{"log", "verify"}, map[string]any{"sound": true, "segments": []any{}, "gaps": []any{}, "records": 0.0, "bytes": 0.0, "torn": nil,
			"chain": map[string]any{"entries": 0.0, "unlinked": 0.0, "number": 0.0, "head": strings.Repeat("0", 64), "broken": []any{}}}},
		{[]string{"replay"}, map[string]any{"records": 0.0, "decisions": 0.0, "models": 0.0, "skipped": map[string]any{},
			"different": 0.0, "differences": []any{}, "events": map[string]any{}}},
	} {
		var out, errs bytes.Buffer
		if status := run(t.Context(), append(c.args, "--json", "--data", data), &out, &errs); status != exitDone {
			t.Fatalf("%v: exit %d: %s", c.args, status, errs.String())
		}
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%v: %v in %s", c.args, err, out.String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v: %s", c.args, diff)
		}
	}
}
