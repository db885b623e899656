package learn

import (
	"fmt"
	"runtime"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/nextbest/nextbest/eventlog"
)

// BenchmarkFold folds a record, decoding included: decisions and their rewards in turn.
func BenchmarkFold(b *testing.B) {
	f := newFold(compileFile, nil)
	must(f.apply(1, must(proto.Marshal(changeTo(second, shop())))))
	records := make([][]byte, 100_000)
	for i := range records {
		id, now := fmt.Sprint("event-", i/2), int64(i)*second/2000
		r := decided(now, "shop", id, nil, "a")
		if i%2 == 1 {
			r = rewarded(now, "shop", id, "reward-1", 1)
		}
		records[i] = must(proto.Marshal(r))
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if i == len(records) { // Again, when the first time is forgotten.
			b.StopTimer()
			f.loops["shop"] = newLoopFold(f.loops["shop"].definition)
			i = 0
			b.StartTimer()
		}
		must(f.apply(eventlog.Position(i+2), records[i]))
		i++
	}
}

// BenchmarkOpenEvents says how much memory an open event takes, without and with a reward.
func BenchmarkOpenEvents(b *testing.B) {
	for _, withReward := range []bool{false, true} {
		b.Run(fmt.Sprintf("reward=%t", withReward), func(b *testing.B) {
			const n = 100_000
			for b.Loop() {
				l := newLoopFold(must(compileFile("shop", shop().bytes())))
				before := heap()
				for i := range n {
					id := fmt.Sprintf("0198a4c2-7d1e-7aaa-8000-%012d", i)
					l.apply(eventlog.Position(2*i+1), decided(second, "shop", id, nil, "a"))
					if withReward {
						l.apply(eventlog.Position(2*i+2), rewarded(second, "shop", id, "0198a4c2-7d1e-7bbb-8000-000000000000", 1))
					}
				}
				b.ReportMetric(float64(heap()-before)/n, "B/event")
				runtime.KeepAlive(l)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
