package export

import (
	"fmt"
	"testing"
	"time"

	"github.com/nextbest/nextbest/eventlog"
)

// BenchmarkRun exports a log of 10,000 decisions with as many rewards, three actions each.
func BenchmarkRun(b *testing.B) {
	w := newWorld(b, 5, eventlog.Options{})
	w.put(loopText("fast", "{type: uniform}", "online", "reward_wait_time: 1m, default_reward: 0"))
	const n = 10_000
	for i := range n {
		w.now = w.now.Add(time.Second)
		w.decide("fast", fmt.Sprint(i), nil)
		w.reward("fast", fmt.Sprint(i), "r", 1)
	}
	w.close()
	for _, format := range []Format{Parquet, NDJSON, CSV} {
		b.Run(string(format), func(b *testing.B) {
			b.ReportAllocs()
			var s *Summary
			for b.Loop() {
				o := w.options(b.TempDir())
				o.Format = format
				s = export(b, o)
			}
			bytes := int64(0)
			for _, p := range s.Partitions {
				bytes += p.Bytes
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/decision")
			b.ReportMetric(float64(bytes)/float64(s.Rows), "bytes/row")
		})
	}
}
