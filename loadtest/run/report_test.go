//go:build linux

package main

import (
	"strings"
	"testing"
)

func measured(target string, cpu float64, crossed ...string) result {
	return result{Target: target, ServerCPU: cpu, figures: figures{Dropped: 1, Crossed: crossed}}
}

func TestSummariseTakesMediansAndRatios(t *testing.T) {
	s := settings{Targets: []string{baselineGRPC, serviceGRPC}}
	r := summarise(s, []result{
		measured(baselineGRPC, 100), measured(serviceGRPC, 150),
		measured(baselineGRPC, 300), measured(serviceGRPC, 999),
		measured(baselineGRPC, 120), measured(serviceGRPC, 180),
	})
	base, service := r.Rows[0], r.Rows[1]
	if base.ServerCPU != 120 || service.ServerCPU != 180 || service.Ratio != 1.5 || base.Ratio != 1 {
		t.Errorf("baseline %+v, service %+v", base, service)
	}
	if service.Dropped != 3 {
		t.Errorf("dropped %d, want the sum of the rounds", service.Dropped)
	}
}

func TestVerdictIsTheServicesAlone(t *testing.T) {
	s := settings{Targets: []string{baselineGRPC, serviceREST}}
	fine := summarise(s, []result{measured(baselineGRPC, 1, "checks: rate>0.9"), measured(serviceREST, 1)})
	if err := fine.verdict(); err != nil {
		t.Errorf("the baseline was judged: %v", err)
	}
	slow := summarise(s, []result{measured(baselineGRPC, 1), measured(serviceREST, 1, "checks: rate>0.9")})
	if err := slow.verdict(); err == nil || !strings.Contains(err.Error(), "service/rest checks: rate>0.9") {
		t.Errorf("verdict %v", err)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{9, 1, 2}, 2}} {
		if got := median(c.xs); got != c.want {
			t.Errorf("median %v, want %v", got, c.want)
		}
	}
}
