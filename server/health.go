package server

import (
	"context"
	"net/http"
	"time"

	"google.golang.org/grpc/health"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
)

// healthEvery is how often the gRPC health service looks again; /readyz looks whenever it is asked.
const healthEvery = time.Second

// readiness is why the server is ready, or not: "ok" or the problem, by part.
type readiness struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"`
}

// readiness looks at the parts that answers depend on. Users' features are not among them: without them a loop's
// fallback answers, and taking every replica out at once would be worse.
func (s *Server) readiness() readiness {
	r := readiness{Ready: true, Checks: map[string]string{}}
	check := func(part, problem string) {
		if problem == "" {
			r.Checks[part] = "ok"
			return
		}
		r.Ready, r.Checks[part] = false, problem
	}
	if s.stopping.Load() {
		check("server", "is stopping")
	}
	check("log", problemOf(s.deps.Log.Stats().Failed))
	names := s.deps.Loops.Loops()
	if len(names) == 0 {
		check("loops", "there is no loop")
	}
	for _, name := range names {
		problem := ""
		if _, ok := s.deps.Loops.Current(name); !ok {
			problem = "has no snapshot yet"
		}
		check("loop "+name, problem)
	}
	if s.deps.Reloads != nil { // the loops go on as they last were: worth saying, and no reason to take no calls
		for name, problem := range s.deps.Reloads.ReloadErrors() {
			part := "file of loop " + name
			if name == "" {
				part = "loop files"
			}
			r.Checks[part] = problem
		}
	}
	return r
}

func problemOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (s *Server) serveHealthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (s *Server) serveReadyz(w http.ResponseWriter, _ *http.Request) {
	r := s.readiness()
	code := http.StatusOK
	if !r.Ready {
		code = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	writeJSON(w, code, r)
}

// watchHealth keeps the gRPC health service telling what /readyz tells, until ctx is done.
func (s *Server) watchHealth(ctx context.Context) {
	ticker := time.NewTicker(healthEvery)
	defer ticker.Stop()
	for {
		s.setHealth()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Server) setHealth() {
	state := healthgrpc.HealthCheckResponse_NOT_SERVING
	if s.readiness().Ready {
		state = healthgrpc.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", state)
	for _, service := range s.services {
		s.health.SetServingStatus(service.desc.ServiceName, state)
	}
}

func newHealth() *health.Server {
	h := health.NewServer()
	h.SetServingStatus("", healthgrpc.HealthCheckResponse_NOT_SERVING)
	return h
}
