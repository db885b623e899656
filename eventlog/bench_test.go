package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/nextbest/nextbest/decision"
)

// BenchmarkAppend appends decisions of about 500 bytes from many goroutines at once.
func BenchmarkAppend(b *testing.B) {
	for _, d := range []decision.Durability{decision.Process, decision.Fsync} {
		for _, writers := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("%s/%d", [...]string{"process", "fsync"}[d], writers), func(b *testing.B) {
				l, _ := mustOpen(b, b.TempDir(), Options{})
				records := samplePayloads(b, 512)
				b.SetParallelism((writers + 1) / 2)
				b.ReportAllocs()
				b.ResetTimer()
				if writers == 1 {
					for i := 0; b.Loop(); i++ {
						appendOne(b, l, records[i%512], d)
					}
				} else {
					b.RunParallel(func(pb *testing.PB) {
						for i := rand.IntN(512); pb.Next(); i = i*5 + 1 {
							appendOne(b, l, records[uint(i)%512], d)
						}
					})
				}
				b.StopTimer()
				s := l.Stats()
				b.ReportMetric(float64(s.Records)/float64(s.Blocks), "records/block")
				b.ReportMetric(float64(s.Bytes)/float64(s.Records), "B/record")
			})
		}
	}
}

func appendOne(b *testing.B, l *Log, record []byte, d decision.Durability) {
	if _, err := l.Append(context.Background(), record, d); err != nil {
		b.Error(err)
	}
}

// filled returns a log of n decisions, written in blocks as 256 goroutines make them.
func filled(b *testing.B, n int) *Log {
	b.Helper()
	l, _ := mustOpen(b, b.TempDir(), Options{})
	records := samplePayloads(b, 512)
	work := make(chan int, 1000)
	done := make(chan struct{})
	for range 256 {
		go func() {
			for i := range work {
				appendOne(b, l, records[i%512], decision.Process)
			}
			done <- struct{}{}
		}()
	}
	for i := range n {
		work <- i
	}
	close(work)
	for range 256 {
		<-done
	}
	return l
}

// BenchmarkRead reads single records at random.
func BenchmarkRead(b *testing.B) {
	const n = 50_000
	l := filled(b, n)
	rng := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Read(Position(1 + rng.IntN(n))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTail reads the whole log in order; one operation is one record.
func BenchmarkTail(b *testing.B) {
	l := filled(b, 100_000)
	r := l.NewReader(1)
	defer func() { r.Close() }()
	b.ReportAllocs()
	for b.Loop() {
		_, record, err := r.TryNext()
		if errors.Is(err, io.EOF) {
			r.Close()
			r = l.NewReader(1)
			continue
		}
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(record)))
	}
}

// BenchmarkOpen recovers a log of 100,000 decisions, and indexes its events.
func BenchmarkOpen(b *testing.B) {
	l := filled(b, 100_000)
	mustClose(b, l)
	for b.Loop() {
		ro, _, err := OpenReadOnly(l.dir)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := NewEvents(context.Background(), ro); err != nil {
			b.Fatal(err)
		}
		ro.Close()
	}
}

// BenchmarkRecord is a decision on its way to the page cache: check, convert, encode, append, index.
func BenchmarkRecord(b *testing.B) {
	l, _ := mustOpen(b, b.TempDir(), Options{})
	e, err := NewEvents(context.Background(), l)
	if err != nil {
		b.Fatal(err)
	}
	r := sampleDecision(rand.New(rand.NewPCG(1, 1)), 0)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := e.Record(context.Background(), r, decision.Process); err != nil {
				b.Error(err)
			}
		}
	})
}

// An append from one goroutine costs a block of its own: the batch, its channel and its key. Together they share it.
func TestAppendAllocatesLittle(t *testing.T) {
	l, _ := mustOpen(t, t.TempDir(), Options{})
	record := samplePayloads(t, 1)[0]
	allocs := testing.AllocsPerRun(2000, func() {
		if _, err := l.Append(context.Background(), record, decision.Process); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 5 {
		t.Fatalf("%v allocations for an append, at most 5", allocs)
	}
}

// A decision's stored form costs a message and a value per feature, and of everything else a few, however many actions
// there are; checking one that is in order costs nothing.
func TestStoringADecisionAllocatesLittle(t *testing.T) {
	r := sampleDecision(rand.New(rand.NewPCG(1, 2)), 1)
	for i := range 50 {
		r.Actions = append(r.Actions, decision.Action{ID: fmt.Sprint("more-", i)})
	}
	if n := testing.AllocsPerRun(100, func() { _ = CheckDecision(r) }); n != 0 {
		t.Errorf("%v allocations to check a decision, want none", n)
	}
	features := len(r.Context) + len(r.User)
	if n := testing.AllocsPerRun(100, func() { FromDecision(r) }); n > float64(features+20) {
		t.Errorf("%v allocations to store a decision with %d features, at most 20 more than those", n, features)
	}
}

// An event with its decision and one reward takes about 60 bytes of the index, as its comment says.
func TestTheEventIndexIsSmall(t *testing.T) {
	const events = 500_000
	rng := rand.New(rand.NewPCG(1, 1))
	before := heap()
	x := new(eventIndex)
	for pos := Position(1); pos < 2*events; pos += 2 {
		key := rng.Uint64()
		x.add(key, pos)
		x.add(key, pos+1)
	}
	each := float64(heap()-before) / events
	t.Logf("%.0f bytes for each of %d events", each, x.len()/2)
	if each > 80 {
		t.Fatalf("%.0f bytes for each event, at most 80", each)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
