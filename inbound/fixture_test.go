package inbound

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// now is some minutes after the events in testdata.
var now = time.Date(2026, 9, 21, 14, 0, 0, 0, time.UTC)

const (
	topic   = "arn:aws:sns:eu-west-1:123456789012:mail"
	certURL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
)

// sender signs as the real senders do, with keys of its own.
type sender struct {
	ec          *ecdsa.PrivateKey
	rsa         *rsa.PrivateKey
	certificate []byte // PEM
}

var newSender = sync.OnceValue(func() *sender {
	s := &sender{}
	var err error
	if s.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	if s.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	s.certificate = certify(s.rsa, now.Add(-time.Hour), now.Add(24*time.Hour))
	return s
})

// certify makes a self-signed certificate.
func certify(key *rsa.PrivateKey, from, to time.Time) []byte {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (s *sender) publicKey() string {
	der, err := x509.MarshalPKIXPublicKey(&s.ec.PublicKey)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// sendgrid signs a body as SendGrid does.
func (s *sender) sendgrid(body []byte, at time.Time) *Delivery {
	stamp := strconv.FormatInt(at.Unix(), 10)
	sum := sha256.Sum256(append([]byte(stamp), body...))
	signature, err := ecdsa.SignASN1(rand.Reader, s.ec, sum[:])
	if err != nil {
		panic(err)
	}
	return &Delivery{Body: body, Header: http.Header{
		sendgridTimestamp: {stamp}, sendgridSignature: {base64.StdEncoding.EncodeToString(signature)},
	}}
}

// sns signs a message as SNS does.
func (s *sender) sns(m map[string]any) *Delivery {
	keys := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if m["Type"] != "Notification" {
		keys = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var text bytes.Buffer
	for _, k := range keys {
		if v, ok := m[k]; ok {
			text.WriteString(k + "\n" + v.(string) + "\n")
		}
	}
	hash := crypto.SHA1
	if m["SignatureVersion"] == "2" {
		hash = crypto.SHA256
	}
	h := hash.New()
	h.Write(text.Bytes())
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.rsa, hash, h.Sum(nil))
	if err != nil {
		panic(err)
	}
	m["Signature"] = base64.StdEncoding.EncodeToString(signature)
	body, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return &Delivery{Body: body, Header: http.Header{"Content-Type": {"text/plain; charset=UTF-8"}}}
}

func notification(message string) map[string]any {
	return map[string]any{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": topic, "Subject": "Amazon SES Email Event Notification",
		"Message": message, "Timestamp": now.Format("2006-01-02T15:04:05.000Z"), "SignatureVersion": "1", "SigningCertURL": certURL,
	}
}

// mac signs a body with a timestamp.
func mac(secret string, body []byte, at time.Time) *Delivery {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(append([]byte(stamp+"."), body...))
	return &Delivery{Body: body, Header: http.Header{"X-Timestamp": {stamp}, "X-Signature": {"sha256=" + hex.EncodeToString(h.Sum(nil))}}}
}

// internet answers for SNS, and notes what was asked for.
type internet struct {
	mu    sync.Mutex
	pages map[string][]byte
	asked []string
	err   error
}

func (i *internet) Fetch(_ context.Context, url string) ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked = append(i.asked, url)
	if i.err != nil {
		return nil, i.err
	}
	if page, ok := i.pages[url]; ok {
		return page, nil
	}
	return nil, errors.New("404")
}

func env(s *sender) Secrets {
	values := map[string]string{
		"SENDGRID_KEY": s.publicKey(), "POSTMARK_PASSWORD": "correct horse", "POSTMARK_SECRET": "battery staple", "SHOP_TOKEN": "t0ken", "CRM_SECRET": "hush",
	}
	return Secrets{
		Env:  func(name string) (string, bool) { v, ok := values[name]; return v, ok },
		File: os.ReadFile,
	}
}

// open opens testdata/webhooks.yaml.
func open(t testing.TB) (*Sources, *sender, *internet) {
	t.Helper()
	config, err := Load(filepath.Join("testdata", "webhooks.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSender()
	net := &internet{pages: map[string][]byte{certURL: s.certificate}}
	sources, err := config.Open(env(s), net)
	if err != nil {
		t.Fatal(err)
	}
	return sources, s, net
}

func source(t testing.TB, sources *Sources, name string) *Source {
	t.Helper()
	s, ok := sources.Get(name)
	if !ok {
		t.Fatalf("no source %s", name)
	}
	return s
}

func payload(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// postmarkDelivery is one with all that Postmark is configured to send.
func postmarkDelivery(body []byte) *Delivery {
	return &Delivery{Body: body, Header: http.Header{
		"Authorization":      {"Basic " + base64.StdEncoding.EncodeToString([]byte("postmark:correct horse"))},
		"X-Nextbest-Secret":  {"battery staple"},
		"Content-Type":       {"application/json"},
		"X-Pm-Webhook-Event": {"open"},
	}}
}

func shopDelivery(body []byte, kind string) *Delivery {
	return &Delivery{Body: body, Header: http.Header{"Content-Type": {kind}, "Authorization": {"Bearer t0ken"}}}
}
