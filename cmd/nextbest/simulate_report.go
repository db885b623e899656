package main

import (
	"fmt"
	"syscall"
	"time"

	"github.com/nextbest/nextbest/simulate"
)

// simulated is what became of one policy.
type simulated struct {
	policy  string
	first   uint64             // seed
	results []*simulate.Result // by seed
	cpu     time.Duration      // of the process while it was played
}

// mean returns the mean of a number over the seeds.
func (s *simulated) mean(of func(*simulate.Result) float64) float64 {
	mean, _ := s.meanAndError(of)
	return mean
}

func (s *simulated) meanAndError(of func(*simulate.Result) float64) (mean, standardError float64) {
	xs := make([]float64, len(s.results))
	for i, r := range s.results {
		xs[i] = of(r)
	}
	return simulate.MeanAndError(xs)
}

// means returns the means of as many numbers as every seed has.
func (s *simulated) means(of func(*simulate.Result) []float64) []float64 {
	n := len(of(s.results[0]))
	for _, r := range s.results {
		n = min(n, len(of(r)))
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = s.mean(func(r *simulate.Result) float64 { return of(r)[i] })
	}
	return out
}

// simulateReport is what --json prints of one policy. Fields are added, never renamed. With several seeds, rewards are
// means over the seeds and times are sums.
type simulateReport struct {
	Rounds         int           `json:"rounds"` // of one seed
	Actions        int           `json:"actions"`
	AverageReward  float64       `json:"average_reward"`
	CPUSeconds     float64       `json:"cpu_seconds"` // of the replay, user and system, all seeds, without reading the file
	Policy         string        `json:"policy"`
	Seed           uint64        `json:"seed"`
	First          []firstRounds `json:"first"`
	UniformReward  float64       `json:"uniform_reward"`       // expected of the uniform policy
	BestConstant   float64       `json:"best_constant_reward"` // of the best single action, known in hindsight
	LearnSeconds   float64       `json:"learn_seconds"`        // of wall-clock time, on one goroutine
	PredictSeconds float64       `json:"predict_seconds"`

	Title         string         `json:"title"`
	Format        string         `json:"format"`
	StandardError *float64       `json:"standard_error,omitempty"` // of average_reward, over several seeds
	Halves        []float64      `json:"halves,omitempty"`
	Tenths        []float64      `json:"tenths,omitempty"`
	LastTenth     *float64       `json:"last_tenth,omitempty"`
	Expected      *expectedParts `json:"expected,omitempty"` // absent for logged decisions
	Logged        *loggedParts   `json:"logged,omitempty"`
	Tests         *testParts     `json:"tests,omitempty"`
	Users         *userParts     `json:"users,omitempty"` // of send times
	Speed         speedParts     `json:"speed"`
	Seeds         []seedParts    `json:"seeds"`
}

type firstRounds struct {
	Rounds        int     `json:"rounds"`
	AverageReward float64 `json:"average_reward"`
}

// expectedParts compare by expected rewards.
type expectedParts struct {
	Reward float64 `json:"reward"`                 // expected, of the actions chosen
	Oracle float64 `json:"oracle_reward"`          // of each round's best action
	Share  float64 `json:"share_of_possible_gain"` // 0 uniform, 1 oracle; of the means
}

type loggedParts struct {
	Rows          int      `json:"rows"`
	Accepted      *float64 `json:"accepted,omitempty"` // by rejection; a mean over seeds
	Low           float64  `json:"low"`                // 95% interval of average_reward, of one seed's width
	High          float64  `json:"high"`
	IPS           *float64 `json:"ips,omitempty"` // by importance, without self-normalisation
	EffectiveRows *float64 `json:"effective_rows,omitempty"`
	MaxWeight     *float64 `json:"max_weight,omitempty"`
}

type testParts struct {
	Played     int     `json:"played"`
	LeftOut    int     `json:"left_out"` // srm_risk, in the whole file
	FirstHalf  float64 `json:"share_first_half"`
	SecondHalf float64 `json:"share_second_half"`
}

// userParts are by the number of a user's decision.
type userParts struct {
	Users        int              `json:"users"`
	BestConstant float64          `json:"best_constant_reward"` // of the best single action of each user, known in hindsight
	ColdStart    []firstDecisions `json:"cold_start"`
	Curve        []float64        `json:"curve"` // average reward of the first, second, ... decision of each user
}

type firstDecisions struct {
	Decisions     int     `json:"decisions"` // of each user
	AverageReward float64 `json:"average_reward"`
}

// speedParts are processor time on the runs' own threads.
type speedParts struct {
	LearnMicroseconds   float64 `json:"learn_cpu_microseconds"` // per round
	PredictMicroseconds float64 `json:"predict_cpu_microseconds"`
	LearnPerSecond      float64 `json:"learned_per_cpu_second"`
	PredictPerSecond    float64 `json:"predicted_per_cpu_second"`
	EventsPerSecond     float64 `json:"events_per_cpu_second"` // predicted and learned
	Models              float64 `json:"models"`                // made in a run; 0 where the predictor follows the estimator
}

type seedParts struct {
	Seed          uint64   `json:"seed"`
	Rounds        int      `json:"rounds"`
	AverageReward float64  `json:"average_reward"`
	Share         *float64 `json:"share_of_possible_gain,omitempty"`
	LastTenth     *float64 `json:"last_tenth,omitempty"`
	Outstanding   int      `json:"outstanding_rewards,omitempty"` // that were to arrive after the end
}

// simulateReports is the document of --json: the first policy's report, and all of them when there are several.
type simulateReports struct {
	simulateReport
	Policies []simulateReport `json:"policies,omitempty"`
}

func newSimulateReports(g *game, played []simulated) simulateReports {
	var out simulateReports
	for i := range played {
		out.Policies = append(out.Policies, newSimulateReport(g, &played[i]))
	}
	out.simulateReport = out.Policies[0]
	if len(played) == 1 {
		out.Policies = nil
	}
	return out
}

func newSimulateReport(g *game, s *simulated) simulateReport {
	average, standardError := s.meanAndError(func(r *simulate.Result) float64 { return r.AverageReward })
	r := simulateReport{
		Rounds: int(s.mean(func(r *simulate.Result) float64 { return float64(r.Rounds) }) + 0.5), Actions: s.results[0].Actions,
		AverageReward: average, CPUSeconds: s.cpu.Seconds(), Policy: s.policy, Seed: s.first, First: s.firstRounds(),
		UniformReward: s.mean(func(r *simulate.Result) float64 { return r.Uniform }),
		BestConstant:  s.mean(func(r *simulate.Result) float64 { return r.BestConstant }),
		Title:         g.title, Format: g.format, Expected: s.expected(), Logged: s.logged(average), Tests: s.tests(g.skip), Users: s.users(),
		Halves: s.means(func(r *simulate.Result) []float64 { return r.Halves }),
		Tenths: s.means(func(r *simulate.Result) []float64 { return r.Tenths }),
		Speed:  s.speed(), Seeds: s.seeds(),
	}
	r.LastTenth = last(r.Tenths)
	if len(s.results) > 1 {
		r.StandardError = &standardError
	}
	for _, one := range s.results {
		r.LearnSeconds += one.Time.Learn.Seconds()
		r.PredictSeconds += one.Time.Predict.Seconds()
	}
	return r
}

func last(xs []float64) *float64 {
	if len(xs) == 0 {
		return nil
	}
	return &xs[len(xs)-1]
}

func (s *simulated) firstRounds() []firstRounds {
	averages := s.means(func(r *simulate.Result) []float64 { return averagesOf(r.First) })
	out := make([]firstRounds, len(averages))
	for i, x := range averages {
		out[i] = firstRounds{s.results[0].First[i].Rounds, x}
	}
	return out
}

func averagesOf(points []simulate.Point) []float64 {
	out := make([]float64, len(points))
	for i, p := range points {
		out[i] = p.AverageReward
	}
	return out
}

func (s *simulated) expected() *expectedParts {
	if s.results[0].Expected == nil {
		return nil
	}
	e := &expectedParts{
		Reward: s.mean(func(r *simulate.Result) float64 { return r.Expected.Got }),
		Oracle: s.mean(func(r *simulate.Result) float64 { return r.Expected.Oracle }),
	}
	if uniform := s.mean(func(r *simulate.Result) float64 { return r.Uniform }); e.Oracle != uniform {
		e.Share = (e.Reward - uniform) / (e.Oracle - uniform)
	}
	return e
}

// logged returns the parts of a replay. The interval is as wide as a single seed's: more draws over the same rows are no
// more rows.
func (s *simulated) logged(average float64) *loggedParts {
	first := s.results[0].Logged
	if first == nil {
		return nil
	}
	of := func(f func(*simulate.LoggedResult) float64) *float64 {
		x := s.mean(func(r *simulate.Result) float64 { return f(r.Logged) })
		return &x
	}
	half := *of(func(l *simulate.LoggedResult) float64 { return (l.High - l.Low) / 2 })
	l := &loggedParts{Rows: first.Rows, Low: average - half, High: average + half}
	if first.Accepted > 0 {
		l.Accepted = of(func(l *simulate.LoggedResult) float64 { return float64(l.Accepted) })
		return l
	}
	l.IPS = of(func(l *simulate.LoggedResult) float64 { return l.IPS })
	l.EffectiveRows = of(func(l *simulate.LoggedResult) float64 { return l.EffectiveRows })
	l.MaxWeight = of(func(l *simulate.LoggedResult) float64 { return l.MaxWeight })
	return l
}

func (s *simulated) tests(leftOut int) *testParts {
	first := s.results[0].Tests
	if first == nil {
		return nil
	}
	return &testParts{Played: first.Played, LeftOut: leftOut,
		FirstHalf:  s.mean(func(r *simulate.Result) float64 { return r.Tests.FirstHalf }),
		SecondHalf: s.mean(func(r *simulate.Result) float64 { return r.Tests.SecondHalf })}
}

func (s *simulated) users() *userParts {
	first := s.results[0].Users
	if first == nil {
		return nil
	}
	u := &userParts{Users: first.Users, BestConstant: first.BestConstant}
	averages := s.means(func(r *simulate.Result) []float64 { return averagesOf(r.Users.First) })
	for i, x := range averages {
		u.ColdStart = append(u.ColdStart, firstDecisions{first.First[i].Rounds, x})
	}
	u.Curve = s.means(func(r *simulate.Result) []float64 {
		var out []float64
		for _, b := range r.Users.Curve {
			out = append(out, b.Reward)
		}
		return out
	})
	return u
}

// speed is over all seeds. A replay ranks every row and learns from those it accepts.
func (s *simulated) speed() speedParts {
	var learn, predict, learned, predicted float64
	for _, r := range s.results {
		learn += r.Time.LearnCPU.Seconds()
		predict += r.Time.PredictCPU.Seconds()
		learned += float64(r.Rounds)
		if r.Logged != nil {
			predicted += float64(r.Logged.Rows)
		} else {
			predicted += float64(r.Rounds)
		}
	}
	return speedParts{
		LearnMicroseconds: learn / learned * 1e6, PredictMicroseconds: predict / predicted * 1e6,
		LearnPerSecond: rate(learned, learn), PredictPerSecond: rate(predicted, predict), EventsPerSecond: rate(predicted, learn+predict),
		Models: s.mean(func(r *simulate.Result) float64 { return float64(r.Fits) }),
	}
}

// rate is 0 where no time was measured: JSON has no infinity.
func rate(n, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return n / seconds
}

func (s *simulated) seeds() []seedParts {
	out := make([]seedParts, len(s.results))
	for i, r := range s.results {
		out[i] = seedParts{Seed: s.first + uint64(i), Rounds: r.Rounds, AverageReward: r.AverageReward,
			LastTenth: last(r.Tenths), Outstanding: r.Outstanding}
		if r.Expected != nil {
			share := r.Share()
			out[i].Share = &share
		}
	}
	return out
}

// cpuTime returns the processor time that the process has used.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
