package inbound

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is read to testdata/*.want")

// wanted is an item as testdata/*.want has it.
type wanted struct {
	Ignored bool   `json:",omitempty"`
	Error   string `json:",omitempty"`
	Event   Event
}

// TestPayloads reads each payload of testdata through the source that it is for, signed as the sender does.
func TestPayloads(t *testing.T) {
	sources, s, _ := open(t)
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) < 15 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			body := payload(t, name+".json")
			of, d := deliveryOf(s, name, body)
			items, err := source(t, sources, of).Receive(t.Context(), d, now)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, items, filepath.Join("testdata", name+".want"))
		})
	}
}

// deliveryOf delivers a payload of testdata as its sender does.
func deliveryOf(s *sender, name string, body []byte) (string, *Delivery) {
	switch of, _, _ := strings.Cut(name, "_"); {
	case of == "ses":
		return of, s.sns(notification(string(body)))
	case of == "postmark":
		return of, postmarkDelivery(body)
	case name == "cloudevents_batch":
		return "shop", shopDelivery(body, "application/cloudevents-batch+json; charset=UTF-8")
	case of == "cloudevents":
		return "shop", shopDelivery(body, "application/cloudevents+json; charset=UTF-8")
	case of == "mapping":
		return "crm", mac("hush", body, now)
	}
	return "sendgrid", s.sendgrid(body, now)
}

func compare(t *testing.T, items []Item, file string) {
	t.Helper()
	got := make([]wanted, len(items))
	for i, it := range items {
		got[i] = wanted{Ignored: it.Ignored, Event: it.Event}
		if it.Err != nil {
			got[i].Error = it.Err.Error()
		}
	}
	if *update {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetIndent("", " ")
		if err := e.Encode(got); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want []wanted
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// TestBinaryCloudEvent has the attributes in headers.
func TestBinaryCloudEvent(t *testing.T) {
	sources, _, _ := open(t)
	d := shopDelivery([]byte(`{"total": 31.5}`), "application/json")
	for name, value := range map[string]string{
		"Ce-Specversion": "1.0", "Ce-Type": "com.example.order", "Ce-Source": "/shop/checkout", "Ce-Id": "A234-1234-1234",
		"Ce-Time": "2026-09-21T13:50:00Z", "Ce-Nbloop": "email-campaign", "Ce-Nbeventid": "e-1",
	} {
		d.Header.Set(name, value)
	}
	items, err := source(t, sources, "shop").Receive(t.Context(), d, now)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, items, filepath.Join("testdata", "cloudevents_structured.want")) // the same event
}

// TestSameEventSameID: what is delivered again, also with another sg_event_id, is the same reward; what differs is another.
func TestSameEventSameID(t *testing.T) {
	base := sendgridEvent{Email: "a@b", Event: "click", Timestamp: 1790000000, EventID: "1", MessageID: "m", URL: "u"}
	again := base
	again.EventID = "2"
	if base.identity() != again.identity() {
		t.Error("a redelivery is another event")
	}
	for name, change := range map[string]func(*sendgridEvent){
		"recipient": func(e *sendgridEvent) { e.Email = "c@d" }, "kind": func(e *sendgridEvent) { e.Event = "open" },
		"time": func(e *sendgridEvent) { e.Timestamp++ }, "message": func(e *sendgridEvent) { e.MessageID = "n" }, "link": func(e *sendgridEvent) { e.URL = "v" },
	} {
		other := base
		change(&other)
		if base.identity() == other.identity() {
			t.Errorf("another %s is the same event", name)
		}
	}
	if identity("ab", "c") == identity("a", "bc") {
		t.Error("parts run into each other")
	}
	one, two := Event{Source: "x", ID: "1"}, Event{Source: "y", ID: "1"}
	if one.RewardID() == two.RewardID() || len(strings.Repeat("s", 63))+1+32 > 120 {
		t.Error("reward ids")
	}
}

// TestClean keeps what others can work with.
func TestClean(t *testing.T) {
	e := Event{UserAgent: strings.Repeat("ä", maxAgent), IP: "not an address"}
	e.clean()
	if len(e.UserAgent) > maxAgent || strings.ToValidUTF8(e.UserAgent, "") != e.UserAgent || e.IP != "" {
		t.Errorf("%d %q", len(e.UserAgent), e.IP)
	}
	e = Event{IP: "2001:db8::1"}
	if e.clean(); e.IP == "" {
		t.Error("an address is gone")
	}
}

// TestTimes: the ways to write a time in a mapping.
func TestTimes(t *testing.T) {
	c, err := newCompiler()
	if err != nil {
		t.Fatal(err)
	}
	want := time.Unix(1790000100, 0).UTC()
	for _, text := range []string{`"2026-09-21T14:15:00Z"`, `"2026-09-21T16:15:00+02:00"`, `timestamp(1790000100)`, `timestamp("2026-09-21T14:15:00Z")`, `1790000100`, `1790000100.0`, `timestamp(event.ms / 1000)`} {
		x, err := c.compile(text)
		if err != nil {
			t.Fatal(err)
		}
		r := reader{event: map[string]any{"ms": int64(1790000100500)}}
		if got := r.time("time", x); !got.Equal(want) || r.err != nil {
			t.Errorf("%s is %s, %v", text, got, r.err)
		}
	}
	for _, text := range []string{`1790000100000`, `-1`, `"today"`, `true`, `0.0/0.0`, `1.0/0.0`} {
		x, err := c.compile(text)
		if err != nil {
			t.Fatal(err)
		}
		r := reader{event: map[string]any{}}
		if got := r.time("time", x); r.err == nil {
			t.Errorf("%s is taken as %s", text, got)
		}
	}
}
