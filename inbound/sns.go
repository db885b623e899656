package inbound

import (
	"context"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1"   // signature version 1
	_ "crypto/sha256" // signature version 2
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Types of SNS messages.
const (
	snsNotification = "Notification"
	snsSubscribe    = "SubscriptionConfirmation"
	snsUnsubscribe  = "UnsubscribeConfirmation"
)

// snsAge is how old a message may be: SNS delivers again for at most an hour
// (https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html), with the time of the first attempt.
const snsAge = 2 * time.Hour

// maxCertificates bounds what is kept of them: SNS has one or two per region at a time.
const maxCertificates = 32

// snsHost is where SNS is, and nobody else.
var snsHost = regexp.MustCompile(`^sns\.[a-z0-9-]{3,30}\.amazonaws\.com(\.cn)?$`)

// sns verifies what Amazon SNS delivers over HTTP
// (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).
type sns struct {
	topics  []string // that are taken; others are refused, for anyone can have a topic
	age     time.Duration
	confirm bool // subscriptions are confirmed
	fetcher Fetcher

	mu           sync.Mutex
	certificates map[string]*x509.Certificate // by address
}

// snsMessage is the envelope.
type snsMessage struct {
	Type             string
	MessageID        string `json:"MessageId"`
	TopicArn         string
	Subject          *string
	Message          string
	Timestamp        string
	Token            string
	SubscribeURL     string
	SignatureVersion string
	Signature        string
	SigningCertURL   string
}

func parseSNS(body []byte) (*snsMessage, error) {
	var m snsMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, malformed("expected a message of Amazon SNS, not raw delivery: %v", err)
	}
	return &m, nil
}

func (s *sns) verify(ctx context.Context, d *Delivery, now time.Time) error {
	m, err := parseSNS(d.Body)
	if err != nil {
		return err
	}
	if !slices.Contains(s.topics, m.TopicArn) {
		return unverified("its TopicArn is none of the source's topics")
	}
	signed, hash, err := m.signed()
	if err != nil {
		return err
	}
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	if err != nil {
		return unverified("its Signature is not base64")
	}
	certificate, err := s.certificate(ctx, m.SigningCertURL)
	if err != nil {
		return err
	}
	if err := verifyRSA(certificate, now, hash, signed, signature); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, m.Timestamp)
	if err != nil {
		return unverified("its Timestamp cannot be read")
	}
	return checkTime(at, now, s.age)
}

func verifyRSA(certificate *x509.Certificate, now time.Time, hash crypto.Hash, signed, signature []byte) error {
	if now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return unverified("the certificate at its SigningCertURL is not valid now")
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return unverified("the certificate at its SigningCertURL has no RSA key")
	}
	h := hash.New()
	h.Write(signed)
	if err := rsa.VerifyPKCS1v15(key, hash, h.Sum(nil), signature); err != nil {
		return unverified("the signature is of another key or message")
	}
	return nil
}

// signed returns the bytes that are signed, and by which hash.
func (m *snsMessage) signed() ([]byte, crypto.Hash, error) {
	var hash crypto.Hash
	switch m.SignatureVersion {
	case "1":
		hash = crypto.SHA1
	case "2":
		hash = crypto.SHA256
	default:
		return nil, 0, unverified("its SignatureVersion is none of 1, 2")
	}
	var b strings.Builder
	add := func(name, value string) { b.WriteString(name + "\n" + value + "\n") }
	add("Message", m.Message)
	add("MessageId", m.MessageID)
	switch m.Type {
	case snsNotification:
		if m.Subject != nil {
			add("Subject", *m.Subject)
		}
		add("Timestamp", m.Timestamp)
	case snsSubscribe, snsUnsubscribe:
		add("SubscribeURL", m.SubscribeURL)
		add("Timestamp", m.Timestamp)
		add("Token", m.Token)
	default:
		return nil, 0, unverified("its Type is none of SNS's")
	}
	add("TopicArn", m.TopicArn)
	add("Type", m.Type)
	return []byte(b.String()), hash, nil
}

// certificate returns the certificate at an address of SNS's. It is trusted because TLS says that it comes from there: the file
// holds no chain that could be followed.
func (s *sns) certificate(ctx context.Context, address string) (*x509.Certificate, error) {
	if err := checkSNSAddress(address, ".pem"); err != nil {
		return nil, unverified("its SigningCertURL %v", err)
	}
	s.mu.Lock()
	known := s.certificates[address]
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	text, err := s.fetcher.Fetch(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("%w: the signing certificate cannot be fetched: %w", ErrUnavailable, err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%w: there is no certificate at its SigningCertURL", ErrUnavailable)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: the signing certificate cannot be read: %w", ErrUnavailable, err)
	}
	s.keep(address, certificate)
	return certificate, nil
}

// keep remembers a certificate, and forgets all others when there are too many.
func (s *sns) keep(address string, c *x509.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.certificates == nil || len(s.certificates) >= maxCertificates {
		s.certificates = map[string]*x509.Certificate{}
	}
	s.certificates[address] = c
}

// checkSNSAddress says why an address is not one of SNS's own. suffix is how its path must end.
func checkSNSAddress(address, suffix string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return errors.New("is not an address")
	case u.Scheme != "https":
		return errors.New("is not https")
	case u.User != nil || u.Opaque != "" || u.Fragment != "":
		return errors.New("has more than a host, a path and a query")
	case !snsHost.MatchString(u.Host): // with its port, so that there is none
		return errors.New("is not on a host of SNS, sns.REGION.amazonaws.com")
	case !strings.HasSuffix(u.Path, suffix):
		return fmt.Errorf("does not end in %s", suffix)
	}
	return nil
}

// subscription confirms a subscription to one of the source's topics, where the source is told to; else it says in an item what
// to do. Ended subscriptions are taken note of.
func (s *sns) subscription(ctx context.Context, m *snsMessage) ([]Item, error) {
	id := identity(m.MessageID, m.Type)
	if m.Type == snsUnsubscribe {
		return []Item{{Event: Event{ID: id, Kind: m.Type}}}, nil
	}
	if !s.confirm {
		return []Item{{Event: Event{ID: id, Kind: m.Type}, Err: &RefusedError{
			"the subscription is not confirmed: set confirm: true for this source and request the confirmation again"}}}, nil
	}
	if err := checkSNSAddress(m.SubscribeURL, ""); err != nil {
		return nil, unverified("its SubscribeURL %v", err)
	}
	if _, err := s.fetcher.Fetch(ctx, m.SubscribeURL); err != nil {
		return nil, fmt.Errorf("%w: the subscription cannot be confirmed: %w", ErrUnavailable, err)
	}
	return []Item{{Event: Event{ID: id, Kind: m.Type}}}, nil
}
