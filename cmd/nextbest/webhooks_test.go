package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/inbound"
	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

// webhooksPage returns the blocks of a language in docs/webhooks.md.
func webhooksPage(t *testing.T, language string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "webhooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// post delivers a body.
func (s *service) post(source string, body []byte, header http.Header) (int, string) {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://"+s.http+"/v1/webhooks/"+source, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header = header
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// outcomes returns what became of an event's rewards, in the order of the log.
func (s *service) outcomes(event string) (outcomes []string) {
	s.t.Helper()
	e, err := s.GetEvent(s.t.Context(), &nextbestv1.GetEventRequest{Loop: "homepage", EventId: event})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range e.GetRewards() {
		outcomes = append(outcomes, strconv.FormatFloat(r.GetValue(), 'g', -1, 64)+" "+r.GetOutcome())
	}
	return outcomes
}

// TestWebhooksPage serves the page's own files, and delivers what it shows to the mapping.
func TestWebhooksPage(t *testing.T) {
	files := webhooksPage(t, "yaml")
	dir := t.TempDir()
	for i, text := range files {
		if _, err := inbound.Parse("docs/webhooks.md", []byte(text)); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
		deploy(t, dir, strconv.Itoa(i)+".yaml", strings.Replace(text, "/run/secrets/postmark", filepath.Join(dir, "secret"), 1))
	}
	deploy(t, dir, "secret", "s3cret\n")
	t.Setenv("SENDGRID_KEY", newSendgrid(t).public(t))
	t.Setenv("POSTMARK_PASSWORD", "p4ss")
	t.Setenv("SHOP_TOKEN", "t0ken")
	t.Setenv("CRM_SECRET", "hush")
	if status, printed, errs := runCheck(t, "--webhooks", dir); status != exitDone || len(files) != 5 {
		t.Fatalf("%d files, exit %d, %s%s", len(files), status, printed, errs)
	}
	s := start(t, binary(t, ""), t.TempDir(), "--webhooks", dir)
	for _, event := range []string{"e-1", "e-2"} {
		if _, err := s.Rank(t.Context(), &nextbestv1.RankRequest{Loop: "homepage", EventId: event}); err != nil {
			t.Fatal(err)
		}
	}
	body := []byte(webhooksPage(t, "json")[0])
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte("hush"))
	mac.Write(append([]byte(stamp+"."), body...))
	signed := http.Header{"X-Timestamp": {stamp}, "X-Signature": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
	if status, text := s.post("crm", body, signed); status != 200 || !strings.Contains(text, `"accepted":2`) {
		t.Fatalf("%d %s", status, text)
	}
	if one, two := s.outcomes("e-1"), s.outcomes("e-2"); len(one) != 1 || one[0] != "0.1 joined" || len(two) != 1 || two[0] != "1 joined" {
		t.Errorf("%q %q", one, two)
	}
}

// sendgrid signs as SendGrid does.
type sendgrid struct{ key *ecdsa.PrivateKey }

func newSendgrid(t *testing.T) *sendgrid {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &sendgrid{key}
}

func (g *sendgrid) public(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&g.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func (g *sendgrid) sign(t *testing.T, body []byte) http.Header {
	t.Helper()
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	sum := sha256.Sum256(append([]byte(stamp), body...))
	signature, err := ecdsa.SignASN1(rand.Reader, g.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set("X-Twilio-Email-Event-Webhook-Timestamp", stamp)
	h.Set("X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(signature))
	return h
}

// TestWebhookAcrossKill: what a webhook was acknowledged is there after kill -9, and the same delivery, with other event ids of the
// sender's as its retries have been seen to have, is no second reward then.
func TestWebhookAcrossKill(t *testing.T) {
	g, data, file := newSendgrid(t), t.TempDir(), filepath.Join(t.TempDir(), "webhooks.yaml")
	text := "version: 1\nsources:\n  sg: {type: sendgrid, public_key: " + g.public(t) + ", loop: homepage, events: {click: {value: 1}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	clicked := time.Now().Unix()
	deliver := func(s *service, id string) (int, string) {
		body := []byte(`[{"event":"click","email":"a@example.com","timestamp":` + strconv.FormatInt(clicked, 10) +
			`,"sg_message_id":"m","sg_event_id":"` + id + `","url":"https://example.com","nb_event_id":"e-1"}]`)
		return s.post("sg", body, g.sign(t, body))
	}
	s := start(t, binary(t, ""), data, "--webhooks", file)
	if status, text := deliver(s, "1"); status != 200 || !strings.Contains(text, `"early":1`) { // before its decision
		t.Fatalf("%d %s", status, text)
	}
	if _, err := s.Rank(t.Context(), &nextbestv1.RankRequest{Loop: "homepage", EventId: "e-1"}); err != nil {
		t.Fatal(err)
	}
	s.kill()
	s = start(t, binary(t, ""), data, "--webhooks", file)
	if status, text := deliver(s, "2"); status != 200 || !strings.Contains(text, `"accepted":1`) {
		t.Fatalf("%d %s", status, text)
	}
	if got := s.outcomes("e-1"); len(got) != 2 || got[0] != "1 joined" || got[1] != "1 duplicate" {
		t.Errorf("%q", got)
	}
	body := []byte(`[]`)
	if status, text := s.post("sg", body, newSendgrid(t).sign(t, body)); status != 401 || !strings.Contains(text, "WEBHOOK_UNVERIFIED") {
		t.Errorf("%d %s", status, text)
	}
}

// TestWebhookFileProblems: serve refuses what check refuses, at the same place.
func TestWebhookFileProblems(t *testing.T) {
	file := filepath.Join(t.TempDir(), "webhooks.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nsources:\n  sg: {type: sendgrid, unverified: true, event: {}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := file + `:3:42: "event" is not a key`
	if status, printed, _ := runCheck(t, "--webhooks", file); status != exitFailed || !strings.HasPrefix(printed, want) {
		t.Errorf("check: exit %d, %s", status, printed)
	}
	_, errs, status := command(t, binary(t, ""), "serve", "--loops", filepath.Join("..", "..", "loops"), "--data", t.TempDir(), "--webhooks", file)
	if status != exitFailed || !strings.Contains(errs, want) {
		t.Errorf("serve: exit %d, %s", status, errs)
	}
}
