package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// httpHandler answers everything over HTTP: a few fixed paths, and the API through the gateway. It is not an
// http.ServeMux, which would redirect paths with an empty or dotted part: those may be ids.
type httpHandler struct {
	fixed    map[string]http.Handler
	gateway  http.Handler
	maxBytes int64
	metrics  *metrics
	routes   routes
	batches  *ndjson
}

// ServeHTTP implements http.Handler.
func (h *httpHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if fixed, ok := h.fixed[r.URL.Path]; ok {
		h.serveFixed(fixed, w, r)
		return
	}
	if loop, kind, ok := kindOf(r.URL.EscapedPath()); ok {
		h.batches.serve(w, r, loop, kind)
		return
	}
	if f := h.readBody(w, r); f != nil {
		h.refuse(w, r, f)
		return
	}
	// With the escaped path as the path, and no other form of it, the gateway splits it before it is unescaped.
	r.URL = &url.URL{Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery}
	h.gateway.ServeHTTP(w, r)
}

func (h *httpHandler) serveFixed(fixed http.Handler, w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		h.refuse(w, r, routingFailure(r, http.StatusMethodNotAllowed))
		return
	}
	fixed.ServeHTTP(w, r)
}

// refuse answers a request that reaches no method of the API.
func (h *httpHandler) refuse(w http.ResponseWriter, r *http.Request, f *failure) {
	h.metrics.refused(r.Context(), f.reason, true)
	if f.reason == MethodNotAllowed && w.Header().Get("Allow") == "" {
		w.Header().Set("Allow", strings.Join(h.routes.methods(r.URL.Path), ", "))
	}
	writeProblem(w, f)
}

// readBody reads a body whole, for the gateway to decode. What can change something must be said to be JSON: a foreign
// web page cannot make a browser say so without asking first.
func (h *httpHandler) readBody(w http.ResponseWriter, r *http.Request) *failure {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions:
		r.Body = &readBody{}
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return &failure{reason: UnsupportedMediaType, detail: "Content-Type must be application/json"}
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return &failure{reason: UnsupportedMediaType, detail: fmt.Sprintf("Content-Encoding %q is not taken: send the body as it is", coding)}
	}
	if r.ContentLength > h.maxBytes {
		return h.tooLarge()
	}
	var b bytes.Buffer
	if r.ContentLength > 0 {
		b.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, h.maxBytes)); err != nil {
		return h.unread(err)
	}
	r.Body = &readBody{bytes: b.Bytes()}
	return nil
}

func (h *httpHandler) unread(err error) *failure {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return h.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &failure{reason: DeadlineExceeded, detail: "the body did not come in time", cause: err}
	}
	return &failure{reason: MalformedMessage, detail: "the body cannot be read", cause: err}
}

func (h *httpHandler) tooLarge() *failure {
	return &failure{reason: MessageTooLarge, detail: fmt.Sprintf("the body has more than %d bytes", h.maxBytes)}
}

// readBody is a body that was read already. The codec takes its bytes; to all others it is empty.
type readBody struct {
	bytes []byte
}

// Read implements io.Reader.
func (*readBody) Read([]byte) (int, error) { return 0, io.EOF }

// Close implements io.Closer.
func (*readBody) Close() error { return nil }
