package eventlog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
)

// damagedLog is a sound log of several segments whose files a test damages one at a time.
type damagedLog struct {
	dir    string
	files  []string
	sound  map[string][]byte // path to bytes
	want   map[Position]string
	blocks map[Position]int // number of the block that a record is in
}

func newDamagedLog(t *testing.T) *damagedLog {
	d := &damagedLog{dir: t.TempDir(), sound: make(map[string][]byte), want: make(map[Position]string), blocks: make(map[Position]int)}
	copyDir(t, goldenDir, d.dir)
	if err := os.Remove(filepath.Join(d.dir, "records.txt")); err != nil {
		t.Fatal(err)
	}
	d.files = segmentFiles(t, d.dir)
	for _, r := range readDir(t, d.dir) {
		d.want[r.pos] = r.payload
	}
	n := 0
	for _, path := range d.files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d.sound[path] = b
		for at := segmentHeaderBytes; at < len(b); {
			h, ok := parseBlockHeader(b[at:])
			if !ok {
				t.Fatalf("%s: no block at %d", path, at)
			}
			for pos := h.first; pos < h.end(); pos++ {
				d.blocks[pos] = n
			}
			n++
			at += int(h.size())
		}
	}
	return d
}

// with gives f the log with one file replaced.
func (d *damagedLog) with(t *testing.T, path string, b []byte, f func()) {
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	f()
	if err := os.WriteFile(path, d.sound[path], 0o644); err != nil {
		t.Fatal(err)
	}
}

// lost checks that nothing wrong is served, and returns the records and the blocks that are missing.
func (d *damagedLog) lost(t *testing.T, got []record) (records, blocks int) {
	t.Helper()
	last := Position(0)
	seen := make(map[Position]bool)
	for _, r := range got {
		if want, ok := d.want[r.pos]; !ok || want != r.payload || r.pos <= last {
			t.Fatalf("position %d after %d is served as %d bytes that were never written there", r.pos, last, len(r.payload))
		}
		last, seen[r.pos] = r.pos, true
	}
	gone := make(map[int]bool)
	for pos := range d.want {
		if !seen[pos] {
			records++
			gone[d.blocks[pos]] = true
		}
	}
	return records, len(gone)
}

// One flipped bit is always found, costs at most the block that it is in, and never passes for a record.
func TestAFlippedBitCostsOneBlockAndIsFound(t *testing.T) {
	t.Parallel()
	d := newDamagedLog(t)
	rng := rand.New(rand.NewPCG(3, 4))
	flips := 2000
	if soak() {
		flips = 20_000
	}
	for i := range flips {
		path := d.files[rng.IntN(len(d.files))]
		b := append([]byte(nil), d.sound[path]...)
		bit := rng.IntN(len(b) * 8)
		b[bit/8] ^= 1 << (bit % 8)
		d.with(t, path, b, func() {
			if _, blocks := d.lost(t, readDir(t, d.dir)); blocks > 1 {
				t.Fatalf("flip %d: bit %d of %s cost %d blocks", i, bit, path, blocks)
			}
			report, err := Verify(d.dir)
			if err != nil || report.Sound() {
				t.Fatalf("flip %d: bit %d of %s: Verify found nothing: %v", i, bit, path, err)
			}
			if i%100 == 0 {
				d.recovers(t, 1)
			}
		})
	}
}

// Bytes written over a stretch of a file cost the blocks that they touch and never pass for records.
func TestAStretchOfGarbageCostsTheBlocksItTouches(t *testing.T) {
	t.Parallel()
	d := newDamagedLog(t)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 500 {
		path := d.files[rng.IntN(len(d.files))]
		b := append([]byte(nil), d.sound[path]...)
		from := rng.IntN(len(b))
		to := min(len(b), from+1+rng.IntN(2000))
		touched := make(map[int]bool)
		for at, n := segmentHeaderBytes, 0; at < len(b); n++ {
			h, _ := parseBlockHeader(d.sound[path][at:])
			if from < at+int(h.size()) && to > at && h.count > 0 {
				touched[n] = true
			}
			at += int(h.size())
		}
		for k := from; k < to; k++ {
			b[k] = byte(rng.Uint32())
		}
		d.with(t, path, b, func() {
			if _, blocks := d.lost(t, readDir(t, d.dir)); blocks > len(touched) {
				t.Fatalf("round %d: bytes %d to %d of %s cost %d blocks, they touch %d", i, from, to, path, blocks, len(touched))
			}
			if report, err := Verify(d.dir); err != nil || report.Sound() {
				t.Fatalf("round %d: Verify found nothing: %v", i, err)
			}
		})
	}
}

// A file cut short serves what is before the cut, and everything in later segments.
func TestATruncatedFileKeepsTheRest(t *testing.T) {
	t.Parallel()
	d := newDamagedLog(t)
	for k, path := range d.files {
		whole := d.sound[path]
		rng := rand.New(rand.NewPCG(uint64(k), 8))
		for range 300 {
			size := rng.IntN(len(whole))
			d.with(t, path, whole[:size], func() { d.truncated(t, k, path, size) })
		}
	}
}

func (d *damagedLog) truncated(t *testing.T, k int, path string, size int) {
	want, boundary := 0, size <= segmentHeaderBytes
	for at := segmentHeaderBytes; at < len(d.sound[path]); {
		h, _ := parseBlockHeader(d.sound[path][at:])
		at += int(h.size())
		boundary = boundary || at == size
		if at > size {
			want += int(h.count)
		}
	}
	if records, _ := d.lost(t, readDir(t, d.dir)); records != want {
		t.Fatalf("%s cut at %d lost %d records, want %d", path, size, records, want)
	}
	report, err := Verify(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	// The last segment cut between two blocks cannot be told from one that ended there.
	if last := k == len(d.files)-1; report.Sound() && report.Torn == nil && want > 0 && !(last && boundary) {
		t.Fatalf("%s cut at %d: Verify found nothing", path, size)
	}
	if size%100 == 0 {
		d.recovers(t, -1)
	}
}

// recovers opens a copy for writing and checks that it goes on: the old records, then the new one.
func (d *damagedLog) recovers(t *testing.T, atMostBlocks int) {
	t.Helper()
	dir := t.TempDir()
	copyDir(t, d.dir, dir)
	l, _ := mustOpen(t, dir, Options{})
	pos, err := l.Append(context.Background(), []byte("new"), decision.Fsync)
	if err != nil {
		t.Fatal(err)
	}
	if _, old := d.want[pos]; old {
		t.Fatalf("position %d is used again", pos)
	}
	got := readAll(t, l, 0)
	if n := len(got) - 1; got[n] != (record{pos, "new"}) {
		t.Fatalf("the new record is read as %+v", got[n])
	}
	if _, blocks := d.lost(t, got[:len(got)-1]); atMostBlocks >= 0 && blocks > atMostBlocks {
		t.Fatalf("recovery lost %d blocks", blocks)
	}
	mustClose(t, l)
	again, r := mustOpen(t, dir, Options{})
	if len(readAll(t, again, 0)) != len(got) || !r.Clean {
		t.Fatalf("a second recovery changed something: %+v", r)
	}
	mustClose(t, again)
}

// A record that holds the bytes of a block does not become one when the block around it is damaged.
func TestBytesInARecordDoNotPassForABlock(t *testing.T) {
	dir := t.TempDir()
	l, _ := mustOpen(t, dir, Options{})
	first := mustAppend(t, l, "before", decision.Process)
	var pack compressor
	forged := pack.appendBlock(nil, 4711, first+1, 1, appendRecord(nil, []byte("forged")))
	mustAppend(t, l, string(forged), decision.Process)
	mustAppend(t, l, "after", decision.Process)
	mustClose(t, l)
	path := segmentFiles(t, dir)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := segmentHeaderBytes
	h, _ := parseBlockHeader(b[at:])
	at += int(h.size()) + 30 // Within the header of the block around the forged one.
	b[at] ^= 0xff
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(payloads(readDir(t, dir))); got != "[before after]" {
		t.Fatalf("read %s", got)
	}
}

// A reader that is at damage in the live log passes over it, counts it once and does not spin.
func TestDamageMetWhileReadingIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	l, _ := mustOpen(t, dir, Options{})
	for i := range 3 {
		mustAppend(t, l, fmt.Sprintf("record %d", i), decision.Fsync)
	}
	path := segmentFiles(t, dir)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1 // In the last block.
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	r := l.NewReader(1)
	defer r.Close()
	for want := range Position(2) {
		if pos, _, err := r.TryNext(); pos != want+1 || err != nil {
			t.Fatalf("TryNext = %d, %v, want %d", pos, err, want+1)
		}
	}
	next := make(chan record)
	go func() {
		pos, b, err := r.Next(context.Background())
		if err != nil {
			t.Error(err)
		}
		next <- record{pos, string(b)}
	}()
	for l.Stats().Damaged == 0 {
		time.Sleep(time.Millisecond)
	}
	mustAppend(t, l, "record 3", decision.Process)
	if got := <-next; got != (record{4, "record 3"}) {
		t.Fatalf("Next = %+v, want record 3", got)
	}
	if _, err := l.Read(3); err == nil {
		t.Fatal("the damaged record is served")
	}
	if n := l.Stats().Damaged; n != 1 {
		t.Fatalf("%d damaged places are counted, want 1", n)
	}
}
