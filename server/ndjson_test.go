package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// batchLine is a line of an answer.
type batchLine struct {
	Row      int            `json:"row"`
	Response map[string]any `json:"response"`
	Error    *struct {
		Reason     string             `json:"reason"`
		Violations []problemViolation `json:"violations"`
	} `json:"error"`
}

func linesOf(t *testing.T, body []byte) []batchLine {
	t.Helper()
	var all []batchLine
	for text := range bytes.Lines(body) {
		var l batchLine
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		all = append(all, l)
	}
	return all
}

// Each line is answered for itself, in order; what is wrong with one is that one's error, with its number.
func TestNDJSONByLines(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	body := strings.Join([]string{
		`{"eventId":"e-1","userId":"u-1"}`,
		``,
		`{"eventId":"e-3","userId":"u-3","colour":"red"}`,
		`{"eventId":"e-4","context":{"hour":NaN}}`,
		`not JSON`,
		`{"eventId":"e-6","loop":"open"}`,
		"{\"eventId\":\"e-7\",\"userId\":\"\xff\"}",
		strings.Repeat(" ", 1<<20) + `{"eventId":"e-8"}`,
		"{\"eventId\":\"e-1\",\"userId\":\"u-1\"}\r",
		`{"eventId":"e-10"}`, // and no end of line
	}, "\n")
	a := r.restAs("POST", "/v1/loops/shop/rank:batch", ndjsonType, strings.NewReader(body))
	if a.status != 200 || a.header.Get("Content-Type") != ndjsonType {
		t.Fatalf("%d %s", a.status, a.body)
	}
	lines := linesOf(t, a.body)
	want := []struct {
		row    int
		reason Reason
	}{{1, ""}, {3, MalformedMessage}, {4, MalformedMessage}, {5, MalformedMessage}, {6, InvalidField}, {7, MalformedMessage},
		{8, MessageTooLarge}, {9, ""}, {10, ""}}
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %s", len(lines), a.body)
	}
	for i, w := range want {
		l := lines[i]
		if l.Row != w.row || (l.Error == nil) != (w.reason == "") || l.Error != nil && l.Error.Reason != string(w.reason) {
			t.Errorf("line %d: %+v, want row %d, %q", i, l, w.row, w.reason)
		}
	}
	if id := lines[7].Response["eventId"]; id != "e-1" {
		t.Errorf("row 9 is event %v", id)
	}
	if fmt.Sprint(lines[0].Response) != fmt.Sprint(lines[7].Response) {
		t.Errorf("the same event was decided twice: %v, %v", lines[0].Response, lines[7].Response)
	}
	if v := lines[1].Error.Violations; len(v) != 1 || v[0].Field != "colour" {
		t.Errorf("violations %v", v)
	}
}

func TestNDJSONIsRefusedAsAWhole(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	for _, c := range []struct {
		method, path, kind string
		status             int
	}{
		{"GET", "/v1/loops/shop/rank:batch", "", 405},
		{"POST", "/v1/loops/shop/rank:batch", "application/json", 415},
		{"POST", "/v1/loops/shop/reward:batch", ndjsonType, 404},
	} {
		if a := r.restAs(c.method, c.path, c.kind, strings.NewReader("")); a.status != c.status && !(c.status == 404 && a.status == 415) {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
		}
	}
	a := r.restAs("POST", "/v1/loops/nowhere/rank:batch", ndjsonType, strings.NewReader("{}\n"))
	if l := linesOf(t, a.body); len(l) != 1 || l[0].Error == nil || l[0].Error.Reason != string(UnknownLoop) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.restAs("POST", "/v1/loops/shop/rank:batch", ndjsonType, strings.NewReader("")); a.status != 200 || len(a.body) != 0 {
		t.Errorf("no lines: %d %s", a.status, a.body)
	}
}

// A line is answered before the next one is sent: over one connection, both ways at once.
func TestNDJSONAnswersAsLinesCome(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	read, write := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+r.srv.HTTPAddr().String()+"/v1/loops/shop/rank:batch", read)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", ndjsonType)
	go fmt.Fprintln(write, `{"eventId":"e-1"}`)
	response, err := r.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for row := 1; row <= 5; row++ {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), fmt.Sprintf(`{"row":%d,"response"`, row)) {
			t.Fatalf("row %d: %s, %v", row, lines.Text(), lines.Err())
		}
		if row < 5 {
			fmt.Fprintf(write, "{\"eventId\":\"e-%d\"}\n", row+1)
		}
	}
	_ = write.Close()
	if lines.Scan() {
		t.Errorf("more than there was: %s", lines.Text())
	}
}

// Over a real socket, a caller that sends and does not read is not read from for ever; and one that goes away leaves
// nothing behind (the tests' leak detector sees to that).
func TestNDJSONOfASlowReader(t *testing.T) {
	deps := decidedWorld(t).deps()
	var decided atomic.Int64
	deps.Decider = countingDecider{deps.Decider, &decided}
	r := serve(t, testConfig(), deps)
	conn, err := net.Dial("tcp", r.srv.HTTPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /v1/loops/shop/rank:batch HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n", ndjsonType)
	const most = 1_000_000
	line := []byte("{\"userId\":\"somebody\"}\n")
	sent := make(chan int, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		n := 0
		for chunk := bytes.Repeat(line, 100); n < most && ctx.Err() == nil; n += 100 {
			if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(chunk), chunk); err != nil {
				break
			}
		}
		sent <- n
	}()
	var before int64 = -1
	for now := decided.Load(); now != before || now == 0; now = decided.Load() {
		before = now
		time.Sleep(500 * time.Millisecond)
	}
	stop()
	_ = conn.Close()
	if n := <-sent; n >= most || before >= most/2 {
		t.Errorf("%d lines were taken and %d decided although nobody reads", n, before)
	}
}

// A server that stops answers the lines it has, says so in a last line without a row, and stops cleanly.
func TestNDJSONOfAServerThatStops(t *testing.T) {
	r := serve(t, testConfig(), newWorld().deps())
	read, write := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+r.srv.HTTPAddr().String()+"/v1/loops/shop/rank:batch", read)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", ndjsonType)
	go fmt.Fprintln(write, `{"eventId":"e-1"}`)
	response, err := r.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer write.Close()
	lines := bufio.NewReader(response.Body)
	if _, err := lines.ReadBytes('\n'); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- r.srv.Shutdown(context.Background()) }()
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	if l := linesOf(t, rest); len(l) != 1 || l[0].Row != 0 || l[0].Error == nil || l[0].Error.Reason != string(Overloaded) {
		t.Errorf("the last line is %s", rest)
	}
	if err := <-stopped; err != nil {
		t.Errorf("the server did not stop cleanly: %v", err)
	}
}
