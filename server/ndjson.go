package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// ndjson answers batches over REST: a request on each line, an answer on each line, both as they come.
type ndjson struct {
	calls        *inProcess
	codec        *jsonCodec
	maxLine      int
	readTimeout  time.Duration // of some lines
	writeTimeout time.Duration // of some answers
	batches      *batches
	refuse       func(http.ResponseWriter, *http.Request, *failure)
}

const (
	ndjsonType  = "application/x-ndjson"
	linesAtOnce = 256 // that are there already
)

// batchKind is what the lines of a batch ask for.
type batchKind struct {
	request func() lineRequest
	// call answers a request of the kind.
	call    func(ctx context.Context, work *items, request lineRequest) (proto.Message, *failure)
	setLoop func(lineRequest, string)
}

type lineRequest interface {
	proto.Message
	GetLoop() string
}

// kindOf returns the loop and the kind of a batch's path, /v1/loops/{loop}/rank:batch; false for other paths.
func kindOf(path string) (loop string, k batchKind, ok bool) {
	rest, ok := strings.CutPrefix(path, "/v1/loops/")
	if !ok {
		return "", k, false
	}
	loop, name, _ := strings.Cut(rest, "/")
	switch name {
	case "rank:batch":
		return loop, batchKind{
			request: func() lineRequest { return new(nextbestv1.RankRequest) },
			call: func(ctx context.Context, work *items, m lineRequest) (proto.Message, *failure) {
				return call(ctx, work, m.(*nextbestv1.RankRequest), work.calls.rank)
			},
			setLoop: func(m lineRequest, loop string) { m.(*nextbestv1.RankRequest).Loop = loop },
		}, true
	case "sendtime:batch":
		return loop, batchKind{
			request: func() lineRequest { return new(nextbestv1.SendTimeRequest) },
			call: func(ctx context.Context, work *items, m lineRequest) (proto.Message, *failure) {
				return call(ctx, work, m.(*nextbestv1.SendTimeRequest), work.calls.sendTime)
			},
			setLoop: func(m lineRequest, loop string) { m.(*nextbestv1.SendTimeRequest).Loop = loop },
		}, true
	}
	return "", k, false
}

// line is one line of a body.
type line struct {
	number  int // from 1
	text    []byte
	tooLong bool
}

// serve answers a batch.
func (n *ndjson) serve(w http.ResponseWriter, r *http.Request, loop string, k batchKind) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		n.refuse(w, r, routingFailure(r, http.StatusMethodNotAllowed))
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != ndjsonType {
		n.refuse(w, r, &failure{reason: UnsupportedMediaType, detail: "Content-Type must be " + ndjsonType})
		return
	}
	loop, err := url.PathUnescape(loop)
	if err != nil {
		n.refuse(w, r, malformed("the path cannot be read"))
		return
	}
	leave, err := n.batches.enter()
	if err != nil {
		n.refuse(w, r, classify(err))
		return
	}
	defer leave()
	n.converse(w, r, loop, k)
}

// converse answers lines until there are no more.
func (n *ndjson) converse(w http.ResponseWriter, r *http.Request, loop string, k batchKind) {
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // HTTP/2 always is; without it, answers come after the last line.
	w.Header().Set("Content-Type", ndjsonType)
	body := &lines{from: bufio.NewReaderSize(r.Body, 64<<10), most: n.maxLine, extend: func() { _ = control.SetReadDeadline(time.Now().Add(n.readTimeout)) }}
	work := newItems(r.Context(), n.calls, n.batches)
	answer := func(ls []line, give func([]byte) bool) {
		answers := make([][]byte, len(ls))
		work.each(len(ls), func(ctx context.Context, i int) { answers[i] = n.answer(ctx, work, loop, k, &ls[i]) })
		give(bytes.Join(answers, nil))
	}
	send := func(answers []byte) error {
		_ = control.SetWriteDeadline(time.Now().Add(n.writeTimeout))
		if _, err := w.Write(answers); err != nil {
			return err
		}
		return control.Flush()
	}
	interrupt := func() {
		body.stop(func() { _ = control.SetReadDeadline(time.Now()) })
	}
	if err := pump(work, body.some, answer, send, interrupt); err != nil {
		_, _ = w.Write(n.problem(0, classify(err))) // The last line says that there are no more, and why.
	}
}

// answer returns the line that answers a line.
func (n *ndjson) answer(ctx context.Context, work *items, loop string, k batchKind, l *line) []byte {
	if l.tooLong {
		return n.problem(l.number, &failure{reason: MessageTooLarge, detail: fmt.Sprintf("the line has more than %d bytes", n.maxLine)})
	}
	request := k.request()
	if err := n.codec.UnmarshalOptions.Unmarshal(l.text, request); err != nil {
		return n.problem(l.number, malformedJSON(err.Error(), l.text))
	}
	if own := request.GetLoop(); own != "" && own != loop {
		return n.problem(l.number, invalidFields([]violation{{"loop", fmt.Sprintf("is %q, and the path says %q", own, loop)}}))
	}
	k.setLoop(request, loop)
	reply, f := k.call(ctx, work, request)
	if f != nil {
		return n.problem(l.number, f)
	}
	b := fmt.Appendf(nil, `{"row":%d,"response":`, l.number)
	b, err := n.codec.MarshalOptions.MarshalAppend(b, reply)
	if err != nil {
		return n.problem(l.number, classify(err))
	}
	return append(b, "}\n"...)
}

// problem returns the line that refuses a line.
func (n *ndjson) problem(number int, f *failure) []byte {
	b, err := json.Marshal(struct {
		Row   int     `json:"row,omitempty"`
		Error problem `json:"error"`
	}{number, problemDocument(f)})
	if err != nil { // It always has a JSON form.
		return fmt.Appendf(nil, "{\"row\":%d,\"error\":{}}\n", number)
	}
	return append(b, '\n')
}

// lines reads a body by lines. Empty ones are left out.
type lines struct {
	from   *bufio.Reader
	most   int // bytes of a line
	number int
	extend func() // called before it may have to wait

	mu      sync.Mutex
	stopped bool
}

// some returns the lines that are there already, at least one.
func (s *lines) some() ([]line, error) {
	var found []line
	for size := 0; len(found) < linesAtOnce && size < s.most && (len(found) == 0 || s.from.Buffered() > 0); {
		l, err := s.next()
		size += len(l.text)
		if len(bytes.TrimSpace(l.text)) > 0 || l.tooLong {
			found = append(found, l)
		}
		if err != nil && (len(found) == 0 || !errors.Is(err, io.EOF)) {
			return nil, err
		}
		if err != nil {
			break // The end comes again.
		}
	}
	return found, nil
}

// next returns the next line without its end.
func (s *lines) next() (line, error) {
	s.number++
	l := line{number: s.number}
	for {
		if !s.begin() {
			return l, context.Canceled
		}
		part, err := s.from.ReadSlice('\n')
		if l.tooLong = l.tooLong || len(l.text)+len(part) > s.most; !l.tooLong {
			l.text = append(l.text, part...)
		} else {
			l.text = nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return l, err
		}
	}
}

// begin gives the next read its time, unless there is to be none.
func (s *lines) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.extend()
	}
	return !s.stopped
}

// stop lets no further read begin, and has interrupt end the one that is under way.
func (s *lines) stop(interrupt func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	interrupt()
}
