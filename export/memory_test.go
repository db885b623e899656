package export

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
)

// An event whose window is open takes at most 400 bytes, whatever its decision does: the documentation says about 320.
func TestMemoryOfOpenEvents(t *testing.T) {
	w := newWorld(t, 5, eventlog.Options{})
	w.put(loopText("fast", "{type: uniform}", "online", "reward_wait_time: 90d, default_reward: 0"))
	var p pending
	j := learn.NewJoiner(w.defs["fast"], p.settle)
	const n = 20_000
	w.decide("fast", "e", nil)
	r := w.all[1].Record
	before := heap()
	for i := range n {
		r.TimeUnixNanos += int64(time.Second)
		r.GetDecision().EventId = fmt.Sprintf("event-%020d", i)
		pos := eventlog.Position(i + 2)
		if poison, err := j.Apply(pos, r); poison != "" {
			t.Fatal(poison, err)
		}
		p.add(pos)
	}
	each := float64(heap()-before) / n
	runtime.KeepAlive(j)
	runtime.KeepAlive(p)
	t.Logf("%.0f bytes an open event", each)
	if each > 400 || each < 50 {
		t.Errorf("%.0f bytes an open event", each)
	}
}

// What is settled and written is forgotten: a long log takes no more memory than a short one.
func TestMemoryOfClosedEvents(t *testing.T) {
	var p pending
	for pos := range eventlog.Position(200_000) {
		p.add(pos)
		p.settle(learn.Settled{Decision: pos, Slots: make([]learn.SlotWorth, 1)})
		if s, ok := p.next(); !ok || s.Decision != pos {
			t.Fatalf("%d: %+v, %t", pos, s, ok)
		}
	}
	if cap(p.events) > 10_000 {
		t.Errorf("room for %d events is kept", cap(p.events))
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// No more rows are held than the limits say, however many files they go to, and the count of them ends at zero.
func TestBufferedRowsAreBounded(t *testing.T) {
	for _, l := range []limits{
		{open: 3, buffered: 1 << 30, groupBytes: 1 << 30, groupRows: 6},
		{open: 3, buffered: 1 << 30, groupBytes: 900, groupRows: 1 << 30},
		{open: 3, buffered: 900, groupBytes: 1 << 30, groupRows: 1 << 30},
	} {
		s, err := stage(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		p := newPartitions(s, Parquet, l)
		for i := range 50 {
			day := began().Add(time.Duration(i/10*i%5) * 24 * time.Hour) // Runs within one day, and changes between five.
			row := Row{EventID: "e", Context: json.RawMessage("{}"), UserFeatures: json.RawMessage("{}")}
			if err := p.write(keyOf("loop", day), []Row{row}); err != nil {
				t.Fatal(err)
			}
			checkHeld(t, p)
		}
		if _, err := p.finish(); err != nil || p.buffered != 0 || s.end() != nil {
			t.Errorf("%v, %d bytes are left", err, p.buffered)
		}
	}
}

func checkHeld(t *testing.T, p *partitions) {
	t.Helper()
	held := int64(0)
	for _, f := range p.open {
		held += f.bytes
		if f.bytes >= p.limits.groupBytes || f.rows >= p.limits.groupRows {
			t.Fatalf("a row group of %d bytes, %d rows", f.bytes, f.rows)
		}
	}
	if held != p.buffered || held > p.limits.buffered || len(p.open) > p.limits.open {
		t.Fatalf("%d bytes are held in %d files and counted as %d; limits %+v", held, len(p.open), p.buffered, p.limits)
	}
}
