package inbound

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// secrets are what a sender and the source share. All that are configured must hold.
type secrets struct {
	basicUser, basicPassword []byte // HTTP basic authentication; nil: none
	headerName               string // a header that holds a secret; empty: none
	headerValue              []byte
	bearer                   []byte // nil: none
	signature                *signature
}

func (s *secrets) verify(_ context.Context, d *Delivery, now time.Time) error {
	if s.basicPassword != nil {
		user, password, ok := basicAuth(d.Header)
		// Both are compared, so that the time does not tell which was wrong.
		if same(user, s.basicUser)&same(password, s.basicPassword) != 1 || !ok {
			return unverified("user or password of basic authentication are missing or wrong")
		}
	}
	if s.headerName != "" && same(d.Header.Get(s.headerName), s.headerValue) != 1 {
		return unverified("the secret in the header %s is missing or wrong", s.headerName)
	}
	if s.bearer != nil {
		scheme, token, _ := strings.Cut(d.Header.Get("Authorization"), " ")
		if same(token, s.bearer) != 1 || !strings.EqualFold(scheme, "Bearer") {
			return unverified("the bearer token is missing or wrong")
		}
	}
	if s.signature != nil {
		return s.signature.verify(d, now)
	}
	return nil
}

// same is 1 when both are the same. The time that it takes tells no more than the secret's length.
func same(given string, secret []byte) int { return subtle.ConstantTimeCompare([]byte(given), secret) }

func basicAuth(h http.Header) (user, password string, ok bool) {
	return (&http.Request{Header: h}).BasicAuth()
}

// signature is an HMAC-SHA256 of the delivery in a header.
type signature struct {
	secret    []byte
	header    string
	prefix    string // of the header's value, as in sha256=
	base64    bool   // else hexadecimal
	signed    string // what is signed: text with {body}, {timestamp}, {header:NAME}
	timestamp string // header with unix seconds; empty: none
	age       time.Duration
}

func (s *signature) verify(d *Delivery, now time.Time) error {
	written := d.Header.Get(s.header)
	if written == "" {
		return unverified("the header %s is missing", s.header)
	}
	given, ok := strings.CutPrefix(written, s.prefix)
	if !ok {
		return unverified("the header %s does not begin with %s", s.header, s.prefix)
	}
	mac, err := s.decode(given)
	if err != nil {
		return unverified("the header %s is not in %s", s.header, s.encoding())
	}
	h := hmac.New(sha256.New, s.secret)
	s.write(h.Write, d)
	if !hmac.Equal(h.Sum(nil), mac) {
		return unverified("the signature is of another secret or body")
	}
	if s.timestamp == "" {
		return nil
	}
	return checkAge(d.Header.Get(s.timestamp), now, s.age)
}

func (s *signature) encoding() string {
	if s.base64 {
		return "base64"
	}
	return "hexadecimal"
}

func (s *signature) decode(text string) ([]byte, error) {
	if s.base64 {
		return base64.StdEncoding.DecodeString(text)
	}
	return hex.DecodeString(text)
}

// placeholder is a part of what is signed.
var placeholder = regexp.MustCompile(`\{(body|timestamp|header:[A-Za-z0-9-]+)\}`)

// write writes what is signed.
func (s *signature) write(write func([]byte) (int, error), d *Delivery) {
	rest := s.signed
	for {
		at := placeholder.FindStringIndex(rest)
		if at == nil {
			_, _ = write([]byte(rest)) // A hash takes all.
			return
		}
		_, _ = write([]byte(rest[:at[0]]))
		_, _ = write(s.part(rest[at[0]+1:at[1]-1], d))
		rest = rest[at[1]:]
	}
}

func (s *signature) part(name string, d *Delivery) []byte {
	switch name {
	case "body":
		return d.Body
	case "timestamp":
		return []byte(d.Header.Get(s.timestamp))
	}
	return []byte(d.Header.Get(strings.TrimPrefix(name, "header:")))
}
