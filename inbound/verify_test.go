package inbound

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// refusal is a delivery that must be refused, and why.
type refusal struct {
	name string
	d    *Delivery
	at   time.Time
	want error
}

func refuseAll(t *testing.T, s *Source, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		if c.at.IsZero() {
			c.at = now
		}
		if items, err := s.Receive(t.Context(), c.d, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v %v", c.name, items, err)
		}
	}
}

// changed returns a delivery with one change.
func changed(d *Delivery, change func(*Delivery)) *Delivery {
	c := &Delivery{Header: d.Header.Clone(), Body: append([]byte(nil), d.Body...)}
	change(c)
	return c
}

func TestSendgridVerifies(t *testing.T) {
	sources, s, _ := open(t)
	sg := source(t, sources, "sendgrid")
	good := s.sendgrid(payload(t, "sendgrid.json"), now)
	if _, err := sg.Receive(t.Context(), good, now.Add(24*time.Hour)); err != nil {
		t.Errorf("a retry of the day after: %v", err)
	}
	for _, empty := range []string{"[]", " [ ] "} {
		if items, err := sg.Receive(t.Context(), s.sendgrid([]byte(empty), now), now); err != nil || len(items) != 0 {
			t.Errorf("%v %v", items, err)
		}
	}
	other := s.sendgrid([]byte("[]"), now)
	refuseAll(t, sg, []refusal{
		{"body", changed(good, func(d *Delivery) { d.Body[10] ^= 1 }), now, ErrUnverified},
		{"space added", changed(good, func(d *Delivery) { d.Body = append(d.Body, ' ') }), now, ErrUnverified},
		{"timestamp", changed(good, func(d *Delivery) { d.Header.Set(sendgridTimestamp, "1790000001") }), now, ErrUnverified},
		{"signature of another body", changed(good, func(d *Delivery) { d.Header.Set(sendgridSignature, other.Header.Get(sendgridSignature)) }), now, ErrUnverified},
		{"no signature", changed(good, func(d *Delivery) { d.Header.Del(sendgridSignature) }), now, ErrUnverified},
		{"no timestamp", changed(good, func(d *Delivery) { d.Header.Del(sendgridTimestamp) }), now, ErrUnverified},
		{"not base64", changed(good, func(d *Delivery) { d.Header.Set(sendgridSignature, "!") }), now, ErrUnverified},
		{"too old", good, now.Add(25*time.Hour + time.Second), ErrUnverified},
		{"from the future", good, now.Add(-11 * time.Minute), ErrUnverified},
		{"not JSON", s.sendgrid([]byte("[{]"), now), now, ErrMalformed},
		{"not a list", s.sendgrid([]byte("{}"), now), now, ErrMalformed},
	})
}

func TestSendgridKeys(t *testing.T) {
	s := newSender()
	if _, err := parseSendgridKey("-----BEGIN PUBLIC KEY-----\n" + s.publicKey() + "\n-----END PUBLIC KEY-----"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "!", "AAAA", string(s.certificate)} {
		if _, err := parseSendgridKey(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}

func TestSNSVerifies(t *testing.T) {
	sources, s, net := open(t)
	ses := source(t, sources, "ses")
	record := string(payload(t, "ses_open.json"))
	with := func(key string, value any) map[string]any {
		m := notification(record)
		m[key] = value
		return m
	}
	second := notification(record)
	second["SignatureVersion"] = "2"
	delete(second, "Subject")
	for name, d := range map[string]*Delivery{"version 1": s.sns(notification(record)), "version 2, no subject": s.sns(second)} {
		if items, err := ses.Receive(t.Context(), d, now); err != nil || len(items) != 1 || items[0].Err != nil {
			t.Errorf("%s: %v %v", name, items, err)
		}
	}
	if len(net.asked) != 1 {
		t.Errorf("the certificate was fetched %d times", len(net.asked))
	}
	tampered := func(key, value string) *Delivery { // after signing
		var m map[string]any
		if err := json.Unmarshal(s.sns(notification(record)).Body, &m); err != nil {
			t.Fatal(err)
		}
		m[key] = value
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return &Delivery{Body: b}
	}
	cases := []refusal{
		{"message", tampered("Message", strings.Replace(record, "e-1", "e-2", 1)), now, ErrUnverified},
		{"id", tampered("MessageId", "other"), now, ErrUnverified},
		{"subject", tampered("Subject", "other"), now, ErrUnverified},
		{"timestamp", tampered("Timestamp", now.Add(time.Second).Format(time.RFC3339)), now, ErrUnverified},
		{"version", tampered("SignatureVersion", "2"), now, ErrUnverified},
		{"no such version", tampered("SignatureVersion", "0"), now, ErrUnverified},
		{"type", tampered("Type", "Other"), now, ErrUnverified},
		{"signature", tampered("Signature", base64.StdEncoding.EncodeToString([]byte("no"))), now, ErrUnverified},
		{"signature not base64", tampered("Signature", "!"), now, ErrUnverified},
		{"another topic, signed rightly", s.sns(with("TopicArn", topic+"2")), now, ErrUnverified},
		{"too old", s.sns(notification(record)), now.Add(3 * time.Hour), ErrUnverified},
		{"certificate out of date", s.sns(with("Timestamp", now.Add(48*time.Hour).Format(time.RFC3339))), now.Add(48 * time.Hour), ErrUnverified},
		{"raw delivery", &Delivery{Body: []byte(record)}, now, ErrUnverified},
		{"not JSON", &Delivery{Body: []byte("x")}, now, ErrMalformed},
	}
	refuseAll(t, ses, cases)
}

// addressTricks are addresses that are not SNS's, though some look so.
var addressTricks = []string{
	"", "http://sns.eu-west-1.amazonaws.com/x.pem", "https://example.com/x.pem", "https://sns.eu-west-1.amazonaws.com.example.com/x.pem",
	"https://examplesns.eu-west-1.amazonaws.com/x.pem", "https://sns.eu-west-1.amazonaws.com@example.com/x.pem",
	"https://user@sns.eu-west-1.amazonaws.com/x.pem", "https://sns.eu-west-1.amazonaws.com:8443/x.pem", "https://sns.eu-west-1.amazonaws.com:443/x.pem",
	"https://sns.eu-west-1.amazonaws.com/x.txt", "https://sns.eu-west-1.amazonaws.com/x?.pem", "https://sns.eu-west-1.amazonaws.com/x#.pem",
	"https://s3.amazonaws.com/sns.eu-west-1.amazonaws.com/x.pem", "https://sns.evil.s3.amazonaws.com/x.pem", "https://sns.eu-west-1.amazonaws.com.co/x.pem",
	"https://sns.eu-west-1.amazonaws.com\\@example.com/x.pem", "https://example.com\\.sns.eu-west-1.amazonaws.com/x.pem", "//sns.eu-west-1.amazonaws.com/x.pem",
	"https:sns.eu-west-1.amazonaws.com/x.pem", "https://sns.eu-west-1.amazonaws.com%2f@example.com/x.pem", "file:///sns.eu-west-1.amazonaws.com/x.pem",
	"https://sns.eu-west-1.amazonaws.com\n.example.com/x.pem", "https://SNS.eu-west-1.amazonaws.com.evil/x.pem", "https://sns.eu-west-1.amazonaws.org/x.pem",
	"https://[::1]/x.pem", "https://169.254.169.254/x.pem", "https://sns..amazonaws.com/x.pem",
}

// TestSNSAddresses: nothing but SNS is ever asked, neither for certificates nor to confirm.
func TestSNSAddresses(t *testing.T) {
	sources, s, net := open(t)
	ses := source(t, sources, "ses")
	net.pages["https://sns.eu-west-1.amazonaws.com/x.pem"] = s.certificate
	for _, trick := range addressTricks {
		m := notification("{}")
		m["SigningCertURL"] = trick
		if _, err := ses.Receive(t.Context(), s.sns(m), now); !errors.Is(err, ErrUnverified) {
			t.Errorf("certificate at %q: %v", trick, err)
		}
	}
	if len(net.asked) != 0 {
		t.Fatalf("asked for %q", net.asked)
	}
	for _, trick := range addressTricks {
		if strings.HasPrefix(trick, "https://sns.eu-west-1.amazonaws.com/") { // how it ends does not matter here
			continue
		}
		m := subscription(trick)
		if _, err := ses.Receive(t.Context(), s.sns(m), now); !errors.Is(err, ErrUnverified) {
			t.Errorf("confirm at %q: %v", trick, err)
		}
	}
	if len(net.asked) != 1 || net.asked[0] != certURL {
		t.Fatalf("asked for %q", net.asked)
	}
	for _, good := range []string{certURL, "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem"} {
		if err := checkSNSAddress(good, ".pem"); err != nil {
			t.Errorf("%s %v", good, err)
		}
	}
}

func subscription(url string) map[string]any {
	m := notification("You have chosen to subscribe to the topic.")
	delete(m, "Subject")
	m["Type"], m["Token"], m["SubscribeURL"] = "SubscriptionConfirmation", "2336412f37", url
	return m
}

func TestSNSConfirms(t *testing.T) {
	sources, s, net := open(t)
	ses := source(t, sources, "ses")
	url := "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + topic + "&Token=2336412f37"
	if _, err := ses.Receive(t.Context(), s.sns(subscription(url)), now); !errors.Is(err, ErrUnavailable) {
		t.Errorf("not there: %v", err)
	}
	net.pages[url] = []byte("<ConfirmSubscriptionResponse/>")
	items, err := ses.Receive(t.Context(), s.sns(subscription(url)), now)
	if err != nil || len(items) != 1 || !items[0].Ignored || net.asked[len(net.asked)-1] != url {
		t.Errorf("%v %v %q", items, err, net.asked)
	}
	other := subscription(url)
	other["TopicArn"] = topic + "2"
	asked := len(net.asked)
	if _, err := ses.Receive(t.Context(), s.sns(other), now); !errors.Is(err, ErrUnverified) || len(net.asked) != asked {
		t.Errorf("another topic's: %v %q", err, net.asked)
	}
	ses.format.(interface{ setConfirm(bool) }).setConfirm(false)
	items, err = ses.Receive(t.Context(), s.sns(subscription(url)), now)
	if err != nil || len(items) != 1 || items[0].Err == nil || len(net.asked) != asked {
		t.Errorf("switched off: %v %v %q", items, err, net.asked)
	}
}

func (s *ses) setConfirm(on bool) { s.confirm = on }

// TestSNSUnavailable: while the certificate cannot be had, the sender is to try again.
func TestSNSUnavailable(t *testing.T) {
	sources, s, net := open(t)
	ses := source(t, sources, "ses")
	net.err = errors.New("no route")
	d := s.sns(notification(string(payload(t, "ses_open.json"))))
	refuseAll(t, ses, []refusal{{"no network", d, now, ErrUnavailable}})
	net.err, net.pages[certURL] = nil, []byte("<html>")
	refuseAll(t, ses, []refusal{{"no certificate", d, now, ErrUnavailable}})
	net.pages[certURL] = s.certificate
	if _, err := ses.Receive(t.Context(), d, now); err != nil {
		t.Errorf("after that: %v", err)
	}
}

func TestSharedSecrets(t *testing.T) {
	sources, _, _ := open(t)
	open := payload(t, "postmark_open.json")
	good := postmarkDelivery(open)
	basic := func(text string) func(*Delivery) {
		return func(d *Delivery) {
			d.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(text)))
		}
	}
	refuseAll(t, source(t, sources, "postmark"), []refusal{
		{"no password", changed(good, func(d *Delivery) { d.Header.Del("Authorization") }), now, ErrUnverified},
		{"wrong password", changed(good, basic("postmark:wrong")), now, ErrUnverified},
		{"wrong user", changed(good, basic("other:correct horse")), now, ErrUnverified},
		{"empty", changed(good, basic(":")), now, ErrUnverified},
		{"no header", changed(good, func(d *Delivery) { d.Header.Del("X-Nextbest-Secret") }), now, ErrUnverified},
		{"wrong header", changed(good, func(d *Delivery) { d.Header.Set("X-Nextbest-Secret", "battery") }), now, ErrUnverified},
		{"not Postmark's", postmarkDelivery([]byte(`{"event": "open"}`)), now, ErrMalformed},
	})
	shop := shopDelivery(payload(t, "cloudevents_structured.json"), "application/cloudevents+json")
	refuseAll(t, source(t, sources, "shop"), []refusal{
		{"no token", changed(shop, func(d *Delivery) { d.Header.Del("Authorization") }), now, ErrUnverified},
		{"wrong token", changed(shop, func(d *Delivery) { d.Header.Set("Authorization", "Bearer t0kem") }), now, ErrUnverified},
		{"other scheme", changed(shop, func(d *Delivery) { d.Header.Set("Authorization", "Basic t0ken") }), now, ErrUnverified},
		{"no event", shopDelivery([]byte(`{}`), "application/json"), now, ErrMalformed},
		{"no batch", shopDelivery([]byte(`{}`), "application/cloudevents-batch+json"), now, ErrMalformed},
	})
}

func TestSignature(t *testing.T) {
	sources, _, _ := open(t)
	crm := source(t, sources, "crm")
	good := mac("hush", payload(t, "mapping.json"), now)
	refuseAll(t, crm, []refusal{
		{"body", changed(good, func(d *Delivery) { d.Body[3] ^= 1 }), now, ErrUnverified},
		{"timestamp", changed(good, func(d *Delivery) { d.Header.Set("X-Timestamp", "1790000001") }), now, ErrUnverified},
		{"no prefix", changed(good, func(d *Delivery) {
			d.Header.Set("X-Signature", strings.TrimPrefix(good.Header.Get("X-Signature"), "sha256="))
		}), now, ErrUnverified},
		{"cut short", changed(good, func(d *Delivery) { d.Header.Set("X-Signature", good.Header.Get("X-Signature")[:20]) }), now, ErrUnverified},
		{"empty", changed(good, func(d *Delivery) { d.Header.Set("X-Signature", "sha256=") }), now, ErrUnverified},
		{"no header", changed(good, func(d *Delivery) { d.Header.Del("X-Signature") }), now, ErrUnverified},
		{"another secret", mac("other", good.Body, now), now, ErrUnverified},
		{"replayed late", good, now.Add(5*time.Minute + time.Second), ErrUnverified},
		{"not JSON", mac("hush", []byte("{"), now), now, ErrMalformed},
		{"two values", mac("hush", []byte(`{"batch":[]} {}`), now), now, ErrMalformed},
		{"no list", mac("hush", []byte(`{"batch":{}}`), now), now, ErrMalformed},
		{"no such key", mac("hush", []byte(`{}`), now), now, ErrMalformed},
	})
}

// TestSignedTemplate: what is signed may hold other headers, as in https://www.standardwebhooks.com.
func TestSignedTemplate(t *testing.T) {
	s := &signature{secret: []byte("k"), header: "Webhook-Signature", prefix: "v1,", base64: true, signed: "{header:webhook-id}.{timestamp}.{body}", timestamp: "Webhook-Timestamp", age: time.Hour}
	d := &Delivery{Body: []byte("{timestamp}"), Header: http.Header{"Webhook-Id": {"msg_{body}"}, "Webhook-Timestamp": {"1790000000"}}}
	var signed []byte
	s.write(func(b []byte) (int, error) { signed = append(signed, b...); return len(b), nil }, d)
	if string(signed) != "msg_{body}.1790000000.{timestamp}" { // what is put in is not looked at again
		t.Errorf("%s", signed)
	}
}
