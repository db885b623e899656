package eventlog

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// ack is what a child says of a record once it was acknowledged.
type ack struct {
	payload string
	pos     Position
	fsync   bool
}

func parseAck(t testing.TB, line string) (a ack, whole bool) {
	var fsync int
	n, _ := fmt.Sscanf(line, "%s %d %d", &a.payload, &a.pos, &fsync)
	a.fsync = fsync == 1
	return a, n == 3
}

// killed runs a child on dir, kills it with SIGKILL a while after it began to append, and returns what it acknowledged.
func killed(t testing.TB, child, dir string, after time.Duration) []ack {
	t.Helper()
	c, out, _ := startChild(t, child, dir)
	if !out.Scan() {
		t.Fatal("the child ended before it appended anything")
	}
	kill := time.AfterFunc(after, func() { _ = c.Process.Kill() })
	defer kill.Stop()
	var acks []ack
	for more := true; more; more = out.Scan() {
		if a, whole := parseAck(t, out.Text()); whole {
			acks = append(acks, a)
		}
	}
	_ = c.Wait() // It was killed.
	return acks
}

// missing counts the acknowledged records that a directory no longer has where they were acknowledged, and fails for
// one that is there twice.
func missing(t testing.TB, dir string, acks []ack) (lost int) {
	t.Helper()
	at := make(map[string]Position)
	for _, r := range readDir(t, dir) {
		if before, twice := at[r.payload]; twice {
			t.Fatalf("%s is at %d and at %d", r.payload, before, r.pos)
		}
		at[r.payload] = r.pos
	}
	for _, a := range acks {
		if at[a.payload] != a.pos {
			lost++
		}
	}
	return lost
}

// kill -9 in a loop: every acknowledged record is in the log afterwards, none twice, and the log is sound.
func TestKilledProcessesLoseNothingAcknowledged(t *testing.T) {
	t.Parallel()
	kills := 20
	if soak() {
		kills = 1000
	}
	rng := rand.New(rand.NewPCG(11, 12))
	dir := t.TempDir()
	var acks []ack
	torn, acked := 0, 0
	for k := range kills {
		acks = append(acks, killed(t, "append", dir, time.Duration(1+rng.IntN(60))*time.Millisecond)...)
		l, r := mustOpen(t, dir, Options{})
		mustClose(t, l)
		if r.CutBytes > 0 {
			torn++
		}
		if lost := missing(t, dir, acks); lost > 0 || len(r.Damage) > 0 {
			t.Fatalf("kill %d: %d of %d acknowledged records are lost; %+v", k, lost, len(acks), r)
		}
		if report, err := Verify(dir); err != nil || !report.Sound() {
			t.Fatalf("kill %d: Verify = %+v, %v", k, report, err)
		}
		if k%20 == 19 { // A log of its own again, so that checking it stays quick.
			acked += len(acks)
			dir, acks = t.TempDir(), nil
		}
	}
	t.Logf("%d kills, %d torn ends, %d acknowledged records, 0 lost", kills, torn, acked)
}

// The planted bug, an acknowledgement before the write, is caught by the same check.
func TestTheKillTestCatchesALie(t *testing.T) {
	for range 10 {
		dir := t.TempDir()
		acks := killed(t, "append lie", dir, 20*time.Millisecond)
		if missing(t, dir, acks) > 0 {
			return
		}
	}
	t.Fatal("ten kills of a log that acknowledges before it writes lost nothing")
}

// results reads the lines 'number true|false' of a child.
func results(out *bufio.Scanner, each func(i int, ok bool)) {
	for out.Scan() {
		var i int
		var ok bool
		if n, _ := fmt.Sscanf(out.Text(), "%d %t", &i, &ok); n == 2 {
			each(i, ok)
		}
	}
}
