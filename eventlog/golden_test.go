package eventlog

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// goldenDir holds a log of format version 1. It was written once; a change that has to write it again is a change of
// the format and takes a new version, a new directory, and this one is still read.
const goldenDir = "testdata/v1"

var update = flag.Bool("update", false, "write testdata again; only for a format that was never released")

// goldenRecords returns the records of the golden log, some of each kind.
func goldenRecords(t testing.TB) [][]byte {
	rng := rand.New(rand.NewPCG(7, 1))
	var records []*logv1.Record
	for i := range 12 {
		d := FromDecision(sampleDecision(rng, i))
		loop, id, now := d.GetDecision().Loop, d.GetDecision().EventId, d.TimeUnixNanos
		records = append(records, d,
			&logv1.Record{TimeUnixNanos: now + 1, Body: &logv1.Record_Activation{Activation: &logv1.Activation{Loop: loop, EventId: id}}},
			&logv1.Record{TimeUnixNanos: now + 2, Body: &logv1.Record_Reward{Reward: &logv1.Reward{Loop: loop, EventId: id, RewardId: "r", Value: rng.NormFloat64(), Metric: "click"}}},
		)
	}
	records = append(records,
		&logv1.Record{Body: &logv1.Record_LoopChange{LoopChange: &logv1.LoopChange{Loop: "home-offers", File: []byte("name: home-offers\n"), Path: "loops/home-offers.yaml"}}},
		&logv1.Record{Body: &logv1.Record_Cut{Cut: &logv1.Cut{Loop: "home-offers", Number: 1}}},
		&logv1.Record{Body: &logv1.Record_Publish{Publish: &logv1.Publish{Loop: "home-offers", Number: 1, SnapshotId: "home-offers-000001", CutPosition: 38, Events: 12}}},
	)
	var out [][]byte
	for _, r := range records {
		b, err := Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// writeGolden writes three segments of blocks of 1 to 9 records, some compressed: the first full and sealed, the second
// given up after a write that failed, the third closed.
func writeGolden(t testing.TB, dir string) {
	var pack compressor
	records := goldenRecords(t)
	after, next := Position(1), Position(1)
	for segment, upTo := range []Position{15, 30, 1000} {
		id := 0x1122334455667788 + uint64(segment)
		first := next
		b := appendSegmentHeader(nil, segmentHeader{id: id, first: first, after: after})
		for n := 1; len(records) > 0 && next < upTo; n = n%9 + 2 {
			n = min(n, len(records))
			var raw []byte
			for _, r := range records[:n] {
				raw = appendRecord(raw, r)
			}
			b = pack.appendBlock(b, id, next, n, raw)
			records, next = records[n:], next+Position(n)
		}
		after = next
		if segment == 1 {
			next += 5 // Refused.
		} else {
			b = appendSeal(b, id, next)
		}
		if err := os.WriteFile(filepath.Join(dir, segmentName(first)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// goldenList names every record: position, event and the hash of its bytes.
func goldenList(t testing.TB, dir string) []byte {
	var out bytes.Buffer
	for _, r := range readDir(t, dir) {
		loop, id, _ := eventIn([]byte(r.payload))
		fmt.Fprintf(&out, "%d %q %q %x\n", r.pos, loop, id, sha256.Sum256([]byte(r.payload)))
	}
	return out.Bytes()
}

func TestTheFirstVersionIsReadForEver(t *testing.T) {
	list := filepath.Join(goldenDir, "records.txt")
	if *update {
		if err := os.MkdirAll(goldenDir, 0o755); err != nil {
			t.Fatal(err)
		}
		writeGolden(t, goldenDir)
		if err := os.WriteFile(list, goldenList(t, goldenDir), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if got := goldenList(t, goldenDir); !bytes.Equal(got, want) || len(want) == 0 {
		t.Fatalf("the golden log reads as\n%s, want\n%s", got, want)
	}
	report, err := Verify(goldenDir)
	if err != nil || !report.Sound() || report.Records != 39 || len(report.Gaps) != 1 || !report.Gaps[0].Declared {
		t.Fatalf("Verify = %+v, %v", report, err)
	}
	for _, r := range readDir(t, goldenDir) {
		stored, err := Unmarshal([]byte(r.payload))
		if err != nil {
			t.Fatal(err)
		}
		if stored.GetDecision() != nil {
			if _, err := ToDecision(stored); err != nil {
				t.Fatalf("position %d: %v", r.pos, err)
			}
		}
	}
}

// What this program writes, an older one reads: the headers to the byte, and in the blocks the same records. The
// compressor is free to find shorter forms.
func TestTheFirstVersionIsWritten(t *testing.T) {
	dir := t.TempDir()
	writeGolden(t, dir)
	for _, path := range segmentFiles(t, goldenDir) {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, filepath.Base(path)))
		if err != nil || !bytes.Equal(got[:segmentHeaderBytes], want[:segmentHeaderBytes]) {
			t.Fatalf("%s is written with another header: %v", filepath.Base(path), err)
		}
	}
	if !bytes.Equal(goldenList(t, dir), goldenList(t, goldenDir)) {
		t.Fatal("other records are written")
	}
}
