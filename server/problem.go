package server

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"google.golang.org/grpc/status"
)

// problem is an error over REST: RFC 9457 with the reason and the violations of the registry.
type problem struct {
	Type       string             `json:"type"`
	Title      string             `json:"title"`
	Status     int                `json:"status"`
	Detail     string             `json:"detail,omitempty"`
	Reason     Reason             `json:"reason"`
	Violations []problemViolation `json:"violations,omitempty"`
}

type problemViolation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// problemTypes begins every problem's type, a name and not a place.
const problemTypes = "urn:nextbest:problem:"

// writeProblem answers with a failure.
func writeProblem(w http.ResponseWriter, f *failure) {
	m, p := f.reason.meaning(), problemDocument(f)
	w.Header().Set("Content-Type", "application/problem+json")
	if m.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(m.retry.Seconds()))))
	}
	writeJSON(w, m.httpStatus, p)
}

// problemDocument returns a failure as REST callers see it.
func problemDocument(f *failure) problem {
	m := f.reason.meaning()
	p := problem{Type: problemTypes + string(f.reason), Title: m.title, Status: m.httpStatus, Detail: f.detail, Reason: f.reason}
	for _, v := range f.violations {
		p.Violations = append(p.Violations, problemViolation{v.field, v.problem})
	}
	return p
}

// writeError answers with what a call over the gateway returned.
func writeError(w http.ResponseWriter, err error) {
	s := status.Convert(err)
	f := failureOf(s)
	if f.detail == f.reason.meaning().title { // the title says it already
		f.detail = ""
	}
	writeProblem(w, f)
}

// writeJSON writes a document of ours, which always has a JSON form. An answer that cannot be written has nobody who
// reads it.
func writeJSON(w http.ResponseWriter, code int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n'))
}
