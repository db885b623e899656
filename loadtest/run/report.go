//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// result is one measurement of one target.
type result struct {
	Target string `json:"target"`
	figures
	CallsPerSec float64 `json:"calls_per_second"`
	ServerCPU   float64 `json:"server_cpu_us_per_call"`
	RedisCPU    float64 `json:"redis_cpu_us_per_call"`
}

// row is a target over all rounds: medians of the figures, sums of what must not happen.
type row struct {
	Target      string   `json:"target"`
	CallsPerSec float64  `json:"calls_per_second"`
	Rank        latency  `json:"rank_ms"`
	Reward      latency  `json:"reward_ms"`
	Dropped     int      `json:"dropped"`
	Failed      int      `json:"failed_calls"`
	ServerCPU   float64  `json:"server_cpu_us_per_call"`
	RedisCPU    float64  `json:"redis_cpu_us_per_call"`
	Ratio       float64  `json:"service_over_baseline,omitempty"` // of ServerCPU; 0 when there is no baseline
	Crossed     []string `json:"failed_thresholds,omitempty"`
}

// report is the whole run.
type report struct {
	CPUs     int      `json:"cpus"`
	Settings settings `json:"settings"`
	Rows     []row    `json:"rows"`
	Rounds   []result `json:"rounds"`
}

func summarise(s settings, results []result) report {
	r := report{CPUs: runtime.NumCPU(), Settings: s, Rounds: results}
	for _, t := range s.Targets {
		r.Rows = append(r.Rows, summariseTarget(t, results))
	}
	if i := slices.IndexFunc(r.Rows, func(x row) bool { return x.Target == baselineGRPC }); i >= 0 {
		for j := range r.Rows {
			r.Rows[j].Ratio = r.Rows[j].ServerCPU / r.Rows[i].ServerCPU
		}
	}
	return r
}

func summariseTarget(target string, results []result) row {
	of := slices.DeleteFunc(slices.Clone(results), func(r result) bool { return r.Target != target })
	m := func(figure func(result) float64) float64 {
		xs := make([]float64, len(of))
		for i, r := range of {
			xs[i] = figure(r)
		}
		return median(xs)
	}
	x := row{
		Target:      target,
		CallsPerSec: m(func(r result) float64 { return r.CallsPerSec }),
		Rank: latency{
			P50: m(func(r result) float64 { return r.Rank.P50 }),
			P95: m(func(r result) float64 { return r.Rank.P95 }),
			P99: m(func(r result) float64 { return r.Rank.P99 }),
		},
		Reward: latency{
			P50: m(func(r result) float64 { return r.Reward.P50 }),
			P95: m(func(r result) float64 { return r.Reward.P95 }),
			P99: m(func(r result) float64 { return r.Reward.P99 }),
		},
		ServerCPU: m(func(r result) float64 { return r.ServerCPU }),
		RedisCPU:  m(func(r result) float64 { return r.RedisCPU }),
	}
	for _, r := range of {
		x.Dropped += r.Dropped
		x.Failed += r.Failed
		x.Crossed = append(x.Crossed, r.Crossed...)
	}
	return x
}

// median returns the middle value, of an even number the mean of the two in the middle. xs is not empty.
func median(xs []float64) float64 {
	slices.Sort(xs)
	n := len(xs)
	return (xs[(n-1)/2] + xs[n/2]) / 2
}

func (r report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func (r report) writeTable(w io.Writer) error {
	s := r.Settings
	fmt.Fprintf(w, "\n%d iterations/s for %s, %d%% of ranks rewarded, %d users, %d connections, %d CPUs shared with the load; "+
		"median of %d\n\n", s.Rate, s.Duration, int(100*s.Rewards+0.5), s.Users, s.VUs, r.CPUs, s.Rounds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "target\tcalls/s\trank ms p50\tp95\tp99\treward ms p50\tp95\tp99\tdropped\tfailed\tserver CPU µs/call\t÷ baseline\tRedis CPU µs/call\t")
	for _, x := range r.Rows {
		ratio := "-"
		if x.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", x.Ratio)
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%d\t%.0f\t%s\t%.0f\t\n",
			x.Target, x.CallsPerSec, x.Rank.P50, x.Rank.P95, x.Rank.P99, x.Reward.P50, x.Reward.P95, x.Reward.P99,
			x.Dropped, x.Failed, x.ServerCPU, ratio, x.RedisCPU)
	}
	return t.Flush()
}

// verdict is an error when the service crossed a threshold. The baseline is not judged.
func (r report) verdict() error {
	var crossed []string
	for _, x := range r.Rows {
		if x.Target == baselineGRPC {
			continue
		}
		for _, c := range x.Crossed {
			crossed = append(crossed, x.Target+" "+c)
		}
	}
	if len(crossed) == 0 {
		return nil
	}
	return fmt.Errorf("thresholds crossed (loadtest/thresholds.json):\n  %s", strings.Join(crossed, "\n  "))
}
