//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// report is what a run found.
type report struct {
	settings settings
	Batch    figures
	Singles  figures
}

// cpu is the processor time of all that take part.
func (f figures) cpu() float64 { return f.ServerCPU + f.RedisCPU + f.ClientCPU }

func (f figures) perSecond() float64 { return float64(f.Recipients) / f.Seconds }

func (f figures) perCPUSecond() float64 { return float64(f.Recipients) / f.cpu() }

// microseconds is what one recipient takes of some processor time.
func (f figures) microseconds(seconds float64) float64 { return seconds / float64(f.Recipients) * 1e6 }

func (r report) write(w io.Writer) error {
	if r.settings.json {
		return json.NewEncoder(w).Encode(struct {
			Settings   settings `json:"settings"`
			Batch      figures  `json:"batch"`
			Singles    figures  `json:"singles"`
			PerCPU     float64  `json:"recipients_per_cpu_second"`
			RatioRate  float64  `json:"ratio_rate"`
			RatioCPU   float64  `json:"ratio_cpu"`
			RatioOwner float64  `json:"ratio_server_cpu"`
		}{r.settings, r.Batch, r.Singles, r.Batch.perCPUSecond(), r.rate(), r.perCPU(), r.perServerCPU()})
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\trecipients\tseconds\tper second\tper CPU-second\tserver µs\tRedis µs\tclient µs\terrors\tfallbacks\t")
	for _, x := range []struct {
		name string
		figures
	}{{"batch", r.Batch}, {"one by one", r.Singles}} {
		fmt.Fprintf(t, "%s\t%d\t%.1f\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\t%d\t%d\t\n", x.name, x.Recipients, x.Seconds, x.perSecond(), x.perCPUSecond(),
			x.microseconds(x.ServerCPU), x.microseconds(x.RedisCPU), x.microseconds(x.ClientCPU), x.Errors, x.Fallbacks)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "batch ÷ one by one: %.2f recipients a second, %.2f a CPU-second, %.2f a CPU-second of the server\n\n", r.rate(), r.perCPU(), r.perServerCPU())
	return r.writeMemory(w)
}

func (r report) rate() float64   { return r.Batch.perSecond() / r.Singles.perSecond() }
func (r report) perCPU() float64 { return r.Batch.perCPUSecond() / r.Singles.perCPUSecond() }
func (r report) perServerCPU() float64 {
	return r.Singles.microseconds(r.Singles.ServerCPU) / r.Batch.microseconds(r.Batch.ServerCPU)
}

// writeMemory shows who had how much at the start, in the middle and at the end.
func (r report) writeMemory(w io.Writer) error {
	m := r.Batch.Memory
	if len(m) == 0 {
		_, err := fmt.Fprintln(w, "memory: the batch was over before it was looked at")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "MiB resident\tat second\tserver\tRedis\tclient\t")
	for _, x := range []struct {
		name string
		rss
	}{{"start", m[0]}, {"middle", m[len(m)/2]}, {"end", m[len(m)-1]}} {
		fmt.Fprintf(t, "%s\t%.1f\t%d\t%d\t%d\t\n", x.name, x.Seconds, x.Server>>20, x.Redis>>20, x.Client>>20)
	}
	return t.Flush()
}
