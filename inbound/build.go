package inbound

import (
	"crypto/ecdsa"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// sources reads version and sources of a file.
func (f *file) sources(parsed *ast.File) []entry {
	var root ast.Node
	if len(parsed.Docs) > 0 {
		root = parsed.Docs[0].Body
	}
	if len(parsed.Docs) > 1 || len(values(root)) == 0 {
		f.failf(find(root), "a webhook file is one document with the keys version and sources")
		return nil
	}
	var found []entry
	version := ""
	for _, v := range values(root) {
		switch key := v.Key.GetToken().Value; key {
		case "version":
			version = v.Value.GetToken().Value
		case "sources":
			for _, s := range values(v.Value) {
				if e, ok := f.source(s.Key, s.Value); ok {
					found = append(found, e)
				}
			}
		default:
			f.failf(v.Key, "%s is not a key of a webhook file; known are version, sources", key)
		}
	}
	if version != "1" {
		f.failf(find(root, "version"), "version must be 1")
	}
	if len(found) == 0 && len(f.problems) == 0 {
		f.failf(find(root, "sources"), "sources names none")
	}
	return found
}

// source reads one source by its type.
func (f *file) source(key, body ast.Node) (entry, bool) {
	name := key.GetToken().Value
	if !sourceName.MatchString(name) {
		f.failf(key, "the name %q is not of lower-case letters, digits, - and _, 1 to 63 of them: it stands in a path", name)
		return entry{}, false
	}
	b := &builder{file: f, body: body, key: key}
	before := len(f.problems)
	open := b.build(b.typeName())
	if len(f.problems) > before {
		return entry{}, false
	}
	return entry{name: name, at: f.place(key), open: func(from Secrets, fetcher Fetcher) (*Source, error) {
		format, err := open(from, fetcher)
		if err != nil {
			return nil, err
		}
		c := b.common
		return &Source{Name: name, Unverified: b.unverified, format: format, loop: c.Loop, channel: c.Channel, rules: c.Events}, nil
	}}, true
}

// opener makes a source's format, once there are secrets.
type opener func(from Secrets, fetcher Fetcher) (format, error)

// builder builds one source.
type builder struct {
	file       *file
	key, body  ast.Node
	common     *Common
	unverified bool
}

func (b *builder) typeName() string {
	for _, v := range values(b.body) {
		if v.Key.GetToken().Value == "type" {
			return v.Value.GetToken().Value
		}
	}
	return ""
}

func (b *builder) build(kind string) opener {
	switch kind {
	case sendgridType:
		return b.sendgrid()
	case sesType:
		return b.ses()
	case postmarkType:
		return b.postmark()
	case cloudEventsType:
		return b.cloudEvents()
	case mappingType:
		return b.mapping()
	}
	b.failf([]string{"type"}, "type must be one of %s", strings.Join(
		[]string{sendgridType, sesType, postmarkType, cloudEventsType, mappingType}, ", "))
	return nil
}

// decode reads the source's keys into its type's struct.
func (b *builder) decode(into any, common *Common) bool {
	b.common = common
	if err := yaml.NodeToValue(b.body, into, yaml.Strict()); err != nil {
		b.file.fail(b.body, err)
		return false
	}
	return true
}

// failf adds a problem at a key of the source, or where it should be.
func (b *builder) failf(path []string, format string, a ...any) {
	at := find(b.body, path...)
	if at == nil {
		at = b.key
	}
	b.file.failf(at, format, a...)
}

// check adds what is wrong with an error at a key.
func (b *builder) check(err error, path ...string) {
	if err != nil {
		b.failf(path, "%s: %v", strings.Join(path, "."), err)
	}
}

func (b *builder) sendgrid() opener {
	var c sendgridConfig
	if !b.decode(&c, &c.Common) {
		return nil
	}
	b.checkCommon(true, false)
	age, err := duration(c.Tolerance, sendgridAge)
	b.check(err, "tolerance")
	given := 0
	for _, s := range []string{c.PublicKey, c.PublicKeyEnv, c.PublicKeyFile} {
		if s != "" {
			given++
		}
	}
	b.checkVerified(c.Unverified, given > 0, "public_key, public_key_env or public_key_file")
	if given > 1 {
		b.failf([]string{"type"}, "give one of public_key, public_key_env, public_key_file")
	}
	var key *ecdsa.PublicKey
	if c.PublicKey != "" {
		key, err = parseSendgridKey(c.PublicKey)
		b.check(err, "public_key")
	}
	return func(from Secrets, _ Fetcher) (format, error) {
		f := &sendgrid{key: key, age: age, ids: c.IDs.orDefault()}
		if key != nil || c.Unverified {
			return f, nil
		}
		text, err := resolve(from, c.PublicKeyEnv, c.PublicKeyFile)
		if err != nil {
			return nil, err
		}
		f.key, err = parseSendgridKey(text)
		return f, err
	}
}

func (b *builder) ses() opener {
	var c sesConfig
	if !b.decode(&c, &c.Common) {
		return nil
	}
	b.checkCommon(true, false)
	age, err := duration(c.Tolerance, snsAge)
	b.check(err, "tolerance")
	if len(c.Topics) == 0 {
		b.failf([]string{"topics"}, "topics must name the SNS topics that are taken, by ARN: anyone can have a topic that signs rightly")
	}
	for _, t := range c.Topics {
		if !topicARN.MatchString(t) {
			b.failf([]string{"topics"}, "%q is not the ARN of an SNS topic, as in arn:aws:sns:eu-west-1:123456789012:mail", t)
		}
	}
	return func(_ Secrets, fetcher Fetcher) (format, error) {
		s := &ses{ids: c.IDs.orDefault()}
		s.topics, s.age, s.confirm, s.fetcher = c.Topics, age, c.Confirm, fetcher
		return s, nil
	}
}

func (b *builder) postmark() opener {
	var c postmarkConfig
	if !b.decode(&c, &c.Common) {
		return nil
	}
	b.checkCommon(true, false)
	open := b.secrets(&c.Shared, &Signed{})
	return func(from Secrets, _ Fetcher) (format, error) {
		s, err := open(from)
		return &postmark{secrets: s, ids: c.IDs.orDefault()}, err
	}
}

func (b *builder) cloudEvents() opener {
	var c cloudEventsConfig
	if !b.decode(&c, &c.Common) {
		return nil
	}
	b.checkCommon(false, c.Map.Value != "")
	open := b.secrets(&c.Shared, &c.Signed)
	fields := b.fields(c.Map.orDefault(cloudEventFields()))
	return func(from Secrets, _ Fetcher) (format, error) {
		s, err := open(from)
		return &cloudEvents{secrets: s, fields: fields}, err
	}
}

func (b *builder) mapping() opener {
	var c mappingConfig
	if !b.decode(&c, &c.Common) {
		return nil
	}
	b.checkCommon(false, c.Map.Value != "")
	open := b.secrets(&c.Shared, &c.Signed)
	for _, k := range c.Map.keys()[:2] {
		if *k.text == "" {
			b.failf([]string{"map", k.name}, "map.%s is missing: say where in an event it is", k.name)
		}
	}
	fields := b.fields(c.Map)
	each := b.expression(c.Each, "each")
	return func(from Secrets, _ Fetcher) (format, error) {
		s, err := open(from)
		return &mapping{secrets: s, each: each, fields: fields}, err
	}
}

// Open resolves the secrets and makes the sources. The error is FileProblems. fetcher may be nil when no source is of type ses.
func (c *Config) Open(from Secrets, fetcher Fetcher) (*Sources, error) {
	all := &Sources{byName: map[string]*Source{}}
	var problems FileProblems
	for _, e := range c.entries {
		s, err := e.open(from, fetcher)
		if err != nil {
			problems = append(problems, e.at.saying("source %s: %v", e.name, err))
			continue
		}
		all.byName[e.name] = s
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return all, nil
}

// Names returns the names of the sources, in the order of the files.
func (c *Config) Names() []string {
	names := make([]string, len(c.entries))
	for i, e := range c.entries {
		names[i] = e.name
	}
	return names
}
