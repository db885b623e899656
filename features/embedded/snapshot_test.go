package embedded

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
)

func noWait() error { return nil }

// TestFormat reads and writes the first version's bytes, which every later version has to read.
func TestFormat(t *testing.T) {
	put := putRecord("ü", map[string]string{"b": "2", "a": ""})
	for _, c := range []struct {
		record record
		want   string
	}{
		{put, "01 01 02c3bc 02 0161 00 0162 0132"},
		{record{op: opDelete, user: "u"}, "01 02 0175"},
	} {
		want := strings.ReplaceAll(c.want, " ", "")
		if got := hex.EncodeToString(c.record.append(nil)); got != want {
			t.Errorf("%+v is %s, want %s", c.record, got, want)
		}
	}
	table := newTable()
	table.apply(put)
	dir := t.TempDir()
	if _, err := writeSnapshot(dir, table, 7, noWait); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, snapshotName))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "snapshot-v1.hex"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), hex.EncodeToString(got)); diff != "" {
		t.Errorf("snapshot (-v1 +now): %s", diff)
	}
	v1, err := hex.DecodeString(strings.TrimSpace(string(want)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, snapshotName), v1, 0o666); err != nil {
		t.Fatal(err)
	}
	read := newTable()
	if from, _, _, err := loadSnapshot(dir, read); err != nil || from != 7 {
		t.Fatalf("from %d: %v", from, err)
	}
	if diff := cmp.Diff(contents(&Store{table: table}), contents(&Store{table: read})); diff != "" {
		t.Error(diff)
	}
}

func TestRecordsOfOtherVersionsAreRefused(t *testing.T) {
	for _, b := range [][]byte{{2, 1, 1, 'u', 0}, {1, 3, 1, 'u'}} {
		if _, err := parseRecord(b); !errors.Is(err, errVersion) {
			t.Errorf("%x: %v", b, err)
		}
	}
	dir := t.TempDir()
	log, _, err := eventlog.Open(filepath.Join(dir, "journal"), eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), []byte{2, 1, 1, 'u', 0}, 0); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(dir, Options{}); !errors.Is(err, errVersion) || !strings.Contains(err.Error(), "journal position 1") {
		t.Errorf("%v", err)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte{1, 1, 1, 'u', 1, 1, 'a', 1, 'b'})
	f.Add([]byte{1, 2, 1, 'u'})
	f.Add([]byte{1, 1, 1, 'u', 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		back, err := parseRecord(r.append(nil))
		if err != nil || back.op != r.op || back.user != r.user || len(back.fields) != len(r.fields) {
			t.Fatalf("%+v came back as %+v, %v", r, back, err)
		}
	})
}

func TestSnapshotRoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		users := rapid.MapOfN(rapid.StringN(1, 5, 20), rapid.MapOf(rapid.StringN(1, 3, 10), rapid.String()), 0, 20).Draw(t, "users")
		before := newTable()
		for user, values := range users {
			before.apply(putRecord(user, values))
		}
		from := eventlog.Position(rapid.Uint64().Draw(t, "from"))
		size, err := writeSnapshot(dir, before, from, noWait)
		if err != nil {
			t.Fatal(err)
		}
		after := newTable()
		gotFrom, gotSize, damaged, err := loadSnapshot(dir, after)
		if err != nil || gotFrom != from || gotSize != size || damaged != 0 {
			t.Fatalf("from %d, %d bytes, %d damaged: %v; want %d, %d", gotFrom, gotSize, damaged, err, from, size)
		}
		if diff := cmp.Diff(contents(&Store{table: before}), contents(&Store{table: after})); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestManyFieldsSpanFrames has a user with more than a frame.
func TestManyFieldsSpanFrames(t *testing.T) {
	before := newTable()
	for i := range 40 {
		before.apply(putRecord("u", map[string]string{fmt.Sprint("f", i): strings.Repeat("x", features.MaxStored)}))
	}
	dir := t.TempDir()
	if _, err := writeSnapshot(dir, before, 1, noWait); err != nil {
		t.Fatal(err)
	}
	after := newTable()
	if _, _, _, err := loadSnapshot(dir, after); err != nil {
		t.Fatal(err)
	}
	if n := len(after.get("u")); n != 40 {
		t.Errorf("%d fields", n)
	}
}

// TestFlippedBits damages each byte of a snapshot in turn. What is read is what was written, or the damage is noticed.
func TestFlippedBits(t *testing.T) {
	before := newTable()
	for i := range 5 {
		before.apply(putRecord(fmt.Sprint("user", i), map[string]string{"a": fmt.Sprint(i)}))
	}
	dir := t.TempDir()
	if _, err := writeSnapshot(dir, before, 1, noWait); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, snapshotName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := contents(&Store{table: before})
	refused, leftOut := 0, 0
	for i := range whole {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		after := newTable()
		_, _, damaged, err := loadSnapshot(dir, after)
		switch {
		case err != nil:
			refused++
			if !strings.Contains(err.Error(), "offset") {
				t.Errorf("%v does not name the place", err)
			}
			continue
		case damaged == 0:
			t.Fatalf("byte %d: nobody noticed", i)
		}
		leftOut++
		for user, values := range contents(&Store{table: after}) {
			if diff := cmp.Diff(want[user], values); diff != "" {
				t.Fatalf("byte %d: %s", i, diff)
			}
		}
	}
	if refused == 0 || leftOut == 0 {
		t.Errorf("%d refused, %d left out", refused, leftOut)
	}
	for i := range whole {
		if err := os.WriteFile(path, whole[:i], 0o666); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := loadSnapshot(dir, newTable()); !errors.Is(err, errSnapshot) {
			t.Fatalf("the first %d bytes were taken: %v", i, err)
		}
	}
}
