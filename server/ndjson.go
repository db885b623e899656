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
	"time"

	"google.golang.org/protobuf/proto"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// ndjson answers batches over REST: a request on each line, an answer on each line, both as they come.
type ndjson struct {
	calls       *itemCalls
	codec       *jsonCodec
	maxLine     int
	readTimeout time.Duration // of some lines
	stopping    <-chan struct{}
	refuse      func(http.ResponseWriter, *http.Request, *failure)
}

const (
	ndjsonType  = "application/x-ndjson"
	linesAtOnce = 256 // that are there already
)

// batchKind decides a line of one kind of batch.
type batchKind func(ctx context.Context, n *ndjson, loop string, text []byte) (proto.Message, *failure)

// kindOf returns the loop and the kind of a batch's path, /v1/loops/{loop}/rank:batch; false for other paths.
func kindOf(path string) (loop string, k batchKind, ok bool) {
	rest, ok := strings.CutPrefix(path, "/v1/loops/")
	if !ok {
		return "", nil, false
	}
	loop, name, _ := strings.Cut(rest, "/")
	switch name {
	case "rank:batch":
		return loop, rankLine, true
	case "sendtime:batch":
		return loop, sendTimeLine, true
	}
	return "", nil, false
}

func rankLine(ctx context.Context, n *ndjson, loop string, text []byte) (proto.Message, *failure) {
	m := new(nextbestv1.RankRequest)
	if f := n.read(text, m, &m.Loop, loop); f != nil {
		return nil, f
	}
	return call(ctx, n.calls.rank, m)
}

func sendTimeLine(ctx context.Context, n *ndjson, loop string, text []byte) (proto.Message, *failure) {
	m := new(nextbestv1.SendTimeRequest)
	if f := n.read(text, m, &m.Loop, loop); f != nil {
		return nil, f
	}
	return call(ctx, n.calls.sendTime, m)
}

// read reads a line's request. own is its loop, which is that of the path.
func (n *ndjson) read(text []byte, m proto.Message, own *string, loop string) *failure {
	if err := n.codec.UnmarshalOptions.Unmarshal(text, m); err != nil {
		return malformedJSON(err.Error(), text)
	}
	if *own != "" && *own != loop {
		return invalidFields([]violation{{"loop", fmt.Sprintf("is %q, and the path says %q", *own, loop)}})
	}
	*own = loop
	return nil
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
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // HTTP/2 always is; without it, answers come after the last line.
	w.Header().Set("Content-Type", ndjsonType)
	body := &lines{from: bufio.NewReaderSize(r.Body, 64<<10), most: n.maxLine, extend: func() { _ = control.SetReadDeadline(time.Now().Add(n.readTimeout)) }}
	work := newItems(r.Context())
	defer work.close()
	answer := func(ls []line) [][]byte {
		answers := make([][]byte, len(ls))
		work.each(len(ls), func(ctx context.Context, i int) { answers[i] = n.answer(ctx, loop, k, &ls[i]) })
		return answers
	}
	send := func(answers [][]byte) error {
		_ = control.SetWriteDeadline(time.Now().Add(n.readTimeout))
		if _, err := w.Write(bytes.Join(answers, nil)); err != nil {
			return err
		}
		return control.Flush()
	}
	err = pump(n.stopping, body.some, answer, send)
	_ = control.SetReadDeadline(time.Now()) // Whatever still reads the body ends.
	if err != nil {
		_, _ = w.Write(n.problem(0, classify(err))) // The last line says that there are no more, and why.
	}
}

// answer returns the line that answers a line.
func (n *ndjson) answer(ctx context.Context, loop string, k batchKind, l *line) []byte {
	if l.tooLong {
		return n.problem(l.number, &failure{reason: MessageTooLarge, detail: fmt.Sprintf("the line has more than %d bytes", n.maxLine)})
	}
	reply, f := k(ctx, n, loop, l.text)
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
}

// some returns the lines that are there already, at least one.
func (s *lines) some() ([]line, error) {
	var found []line
	for len(found) < linesAtOnce && (len(found) == 0 || s.from.Buffered() > 0) {
		l, err := s.next()
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
		s.extend()
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
