package simulate

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// stopwatch times a run on its own thread. Other goroutines, the collector's among them, do not count.
type stopwatch struct {
	begun time.Time
	cpu   time.Duration
}

// startWatch ties the goroutine to its thread, until stop.
func startWatch() stopwatch {
	runtime.LockOSThread()
	return stopwatch{time.Now(), threadTime()}
}

// stop fills in the whole of t.
func (s stopwatch) stop(t *Time) {
	t.Whole, t.CPU = time.Since(s.begun), threadTime()-s.cpu
	runtime.UnlockOSThread()
}

// threadTime returns the processor time of the calling thread, 0 where the system does not tell.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
