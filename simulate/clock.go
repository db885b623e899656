package simulate

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Time is what a run took on its own thread. What other goroutines do, the collector's among them, does not count.
type Time struct {
	Learn   time.Duration // by the clock: encoding and learning, making models included
	Predict time.Duration // by the clock: scores, probabilities and draws
	CPU     time.Duration // processor time of the whole, the world's own work and the tally included

	LearnCPU, PredictCPU time.Duration // of CPU
}

func (t Time) plus(u Time) Time {
	return Time{t.Learn + u.Learn, t.Predict + u.Predict, t.CPU + u.CPU, t.LearnCPU + u.LearnCPU, t.PredictCPU + u.PredictCPU}
}

// lapTime is how long a lap is at least. It keeps the cost of asking for processor time, some half a microsecond, below
// a thousandth, and what a wait can distort to a lap.
const lapTime = time.Millisecond

// stopwatch tells processor time by parts. Asking the system for it before and after every part would take longer than
// the parts do, and the clock, which is cheap, also runs while the thread waits for a processor. So parts are timed by
// the clock, and after each lap its processor time is shared out among them.
type stopwatch struct {
	time    *Time
	lap     time.Time
	cpu     time.Duration // of the thread, when the lap began
	learn   time.Duration // time.Learn then
	predict time.Duration
}

// startWatch ties the goroutine to its thread, until stop. The parts' clock times are added to t by others.
func startWatch(t *Time) *stopwatch {
	runtime.LockOSThread()
	return &stopwatch{time: t, lap: time.Now(), cpu: threadTime()}
}

// round ends a round, and the lap if it is long enough.
func (s *stopwatch) round() {
	if time.Since(s.lap) >= lapTime {
		s.share()
	}
}

func (s *stopwatch) stop() {
	s.share()
	runtime.UnlockOSThread()
}

// share ends a lap.
func (s *stopwatch) share() {
	now, cpu := time.Now(), threadTime()
	used, whole := cpu-s.cpu, now.Sub(s.lap)
	s.time.CPU += used
	if whole > 0 {
		s.time.LearnCPU += time.Duration(float64(used) * float64(s.time.Learn-s.learn) / float64(whole))
		s.time.PredictCPU += time.Duration(float64(used) * float64(s.time.Predict-s.predict) / float64(whole))
	}
	s.lap, s.cpu, s.learn, s.predict = now, cpu, s.time.Learn, s.time.Predict
}

// threadTime returns the processor time of the calling thread, 0 where the system does not tell.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
