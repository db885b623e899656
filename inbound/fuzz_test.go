package inbound

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fuzzPayload feeds a source what its sender could have signed, whatever it is: no panic, each event taken, ignored or refused,
// and the same again for the same bytes.
func fuzzPayload(f *testing.F, prefix, of string, deliver func(*sender, []byte) *Delivery) {
	files, err := filepath.Glob(filepath.Join("testdata", prefix+"*.json"))
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	sources, s, _ := open(f)
	from := source(f, sources, of)
	f.Fuzz(func(t *testing.T, body []byte) {
		d := deliver(s, body)
		items, err := from.read(t.Context(), d)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		again, _ := from.read(t.Context(), d)
		for i := range items {
			if items[i].Event != again[i].Event {
				t.Fatalf("%v is %v the second time", items[i], again[i])
			}
			from.apply(&items[i])
			e := items[i].Event
			if taken := items[i].Err == nil && !items[i].Ignored; taken && (e.ID == "" || math.IsNaN(e.Value) || len(e.UserAgent) > maxAgent) {
				t.Fatalf("%+v is taken", e)
			}
		}
	})
}

func FuzzSendgrid(f *testing.F) {
	fuzzPayload(f, "sendgrid", "sendgrid", func(_ *sender, body []byte) *Delivery { return &Delivery{Body: body} })
}

func FuzzSES(f *testing.F) {
	fuzzPayload(f, "ses", "ses", func(s *sender, body []byte) *Delivery { return s.sns(notification(string(body))) })
}

func FuzzPostmark(f *testing.F) {
	fuzzPayload(f, "postmark", "postmark", func(_ *sender, body []byte) *Delivery { return postmarkDelivery(body) })
}

func FuzzCloudEvents(f *testing.F) {
	fuzzPayload(f, "cloudevents", "shop", func(_ *sender, body []byte) *Delivery {
		kind := "application/cloudevents+json"
		if strings.HasPrefix(string(body), "[") {
			kind = "application/cloudevents-batch+json"
		}
		return shopDelivery(body, kind)
	})
}

func FuzzMapping(f *testing.F) {
	fuzzPayload(f, "mapping", "crm", func(_ *sender, body []byte) *Delivery { return &Delivery{Body: body} })
}

// FuzzSNS feeds envelopes: nothing that is not signed is taken.
func FuzzSNS(f *testing.F) {
	sources, s, _ := open(f)
	f.Add(s.sns(notification("{}")).Body)
	f.Add([]byte(`{"Type":"Notification","TopicArn":"` + topic + `","SigningCertURL":"https://sns.x.amazonaws.com/a.pem"}`))
	ses := source(f, sources, "ses")
	signed := string(s.sns(notification("{}")).Body)
	f.Fuzz(func(t *testing.T, body []byte) {
		if string(body) == signed {
			return
		}
		_, err := ses.Receive(t.Context(), &Delivery{Body: body}, now)
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnverified) && !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
	})
}

// FuzzFile reads webhook files: no panic, and problems with places.
func FuzzFile(f *testing.F) {
	for _, c := range problemCases {
		f.Add([]byte(c.file))
	}
	b, err := os.ReadFile(filepath.Join("testdata", "webhooks.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := Parse("w.yaml", text)
		var problems FileProblems
		if err != nil && (!errors.As(err, &problems) || len(problems) == 0) {
			t.Fatal(err)
		}
	})
}
