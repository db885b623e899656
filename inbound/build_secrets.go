package inbound

import (
	"errors"
	"strings"
	"time"
)

// secrets checks how deliveries are verified, and returns what makes it so once there are secrets.
func (b *builder) secrets(shared *Shared, signed *Signed) func(Secrets) (secrets, error) {
	b.checkVerified(shared.Unverified, shared.Basic != nil || shared.Header != nil || signed.Bearer != nil || signed.Signature != nil,
		"basic, header, bearer or signature as the type has them")
	if c := shared.Basic; c != nil {
		b.check((&secretConfig{c.PasswordEnv, c.PasswordFile}).check(), "basic")
		if c.User == "" || strings.Contains(c.User, ":") {
			b.failf([]string{"basic", "user"}, "basic.user must be given, and have no colon")
		}
	}
	if c := shared.Header; c != nil {
		b.check((&secretConfig{c.Env, c.File}).check(), "header")
		b.checkHeader(c.Name, "header", "name")
	}
	if c := signed.Bearer; c != nil {
		b.check(c.check(), "bearer")
		if shared.Basic != nil {
			b.failf([]string{"bearer"}, "bearer and basic are in the same header: give one of them")
		}
	}
	var age time.Duration
	if c := signed.Signature; c != nil {
		age = b.signature(c)
	}
	return func(from Secrets) (secrets, error) { return openSecrets(from, shared, signed, age) }
}

func (b *builder) checkHeader(name string, path ...string) {
	if !headerName.MatchString(name) {
		b.failf(path, "%s must be the name of a header", strings.Join(path, "."))
	}
}

// signature checks an HMAC's description, fills in its defaults, and returns its tolerance.
func (b *builder) signature(c *signatureConfig) time.Duration {
	b.check((&secretConfig{c.Env, c.File}).check(), "signature")
	b.checkHeader(c.Header, "signature", "header")
	if c.Encoding == "" {
		c.Encoding = "hex"
	}
	if c.Encoding != "hex" && c.Encoding != "base64" {
		b.failf([]string{"signature", "encoding"}, "signature.encoding must be hex or base64")
	}
	if c.TimestampHeader != "" {
		b.checkHeader(c.TimestampHeader, "signature", "timestamp_header")
	}
	if c.Signed == "" {
		c.Signed = "{body}"
		if c.TimestampHeader != "" {
			c.Signed = "{timestamp}.{body}"
		}
	}
	b.check(c.checkSigned(), "signature", "signed")
	if c.Tolerance != "" && c.TimestampHeader == "" {
		b.failf([]string{"signature", "tolerance"}, "signature.tolerance has no meaning without timestamp_header")
	}
	age, err := duration(c.Tolerance, signatureAge)
	b.check(err, "signature", "tolerance")
	return age
}

func (c *signatureConfig) checkSigned() error {
	timed := strings.Contains(c.Signed, "{timestamp}")
	switch rest := placeholder.ReplaceAllString(c.Signed, ""); {
	case strings.ContainsAny(rest, "{}"):
		return errors.New("braces hold body, timestamp or header:NAME")
	case strings.Count(c.Signed, "{body}") != 1:
		return errors.New("{body} must be in it, once")
	case timed && c.TimestampHeader == "":
		return errors.New("{timestamp} needs timestamp_header")
	case !timed && c.TimestampHeader != "" && !strings.Contains(strings.ToLower(c.Signed), "{header:"+strings.ToLower(c.TimestampHeader)+"}"):
		return errors.New("a timestamp that is not signed says nothing: put {timestamp} in it, or remove timestamp_header")
	}
	return nil
}

// openSecrets reads the secrets.
func openSecrets(from Secrets, shared *Shared, signed *Signed, age time.Duration) (secrets, error) {
	var s secrets
	var errs [4]error
	if c := shared.Basic; c != nil {
		s.basicUser = []byte(c.User)
		s.basicPassword, errs[0] = (&secretConfig{c.PasswordEnv, c.PasswordFile}).resolve(from)
	}
	if c := shared.Header; c != nil {
		s.headerName = c.Name
		s.headerValue, errs[1] = (&secretConfig{c.Env, c.File}).resolve(from)
	}
	if c := signed.Bearer; c != nil {
		s.bearer, errs[2] = c.resolve(from)
	}
	if c := signed.Signature; c != nil {
		s.signature = &signature{header: c.Header, prefix: c.Prefix, base64: c.Encoding == "base64", signed: c.Signed,
			timestamp: c.TimestampHeader, age: age}
		s.signature.secret, errs[3] = (&secretConfig{c.Env, c.File}).resolve(from)
	}
	return s, errors.Join(errs[:]...)
}
