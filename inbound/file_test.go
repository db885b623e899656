package inbound

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// problemCases are files and what is said of them, at their places.
var problemCases = []struct{ file, want string }{
	{"", "w.yaml:1:1: a webhook file is one document with the keys version and sources"},
	{"version: 2\nsources: {a: {type: postmark, unverified: true, events: {open: {value: 1}}}}\n", "w.yaml:1:1: version must be 1"},
	{"version: 1\n", "w.yaml:1:1: sources names none"},
	{"version: 1\nsource: {}\n", "w.yaml:2:1: source is not a key of a webhook file; known are version, sources"},
	{"version: 1\nsources:\n  A b: {type: ses}\n", `w.yaml:3:3: the name "A b" is not of lower-case letters`},
	{"version: 1\nsources:\n  a:\n    type: mailgun\n", "w.yaml:4:5: type must be one of sendgrid, ses, postmark, cloudevents, mapping"},
	{"version: 1\nsources:\n  a:\n    loop: x\n", "w.yaml:4:5: type must be one of"},
	{"version: 1\nsources:\n  a: nothing\n", "w.yaml:3:6: type must be one of"},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    unverified: true\n    event: {}\n", `w.yaml:6:5: "event" is not a key`},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    unverified: true\n    events: {open: {metrik: x}}\n", `w.yaml:6:21: "metrik" is not a key`},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    unverified: true\n    events: {opened: {value: 1}}\n", "w.yaml:6:14: events.opened is not a kind of event; known are open, click"},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    unverified: true\n    events: {open: {}}\n", "w.yaml:6:14: events.open: give value, or activate: true"},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    unverified: true\n    events: {open: {value: .inf}}\n", "w.yaml:6:14: events.open: value must be a finite number"},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    unverified: true\n    events: {open: {value: .nan}}\n", "w.yaml:6:14: events.open: value must be a finite number"},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    unverified: true\n    events: {open: {value: 1, activate: true}}\n", "w.yaml:6:14: events.open: activate stands alone"},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    unverified: true\n", "w.yaml:4:5: events is missing"},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    loop: No\n    unverified: true\n    events: {open: {value: 1}}\n", `w.yaml:5:5: loop: "No" is not the name of a loop`},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    events: {open: {value: 1}}\n", "w.yaml:4:5: nothing says that a delivery is the sender's"},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    unverified: true\n    header: {name: X, secret_env: Y}\n    events: {open: {value: 1}}\n", "w.yaml:5:5: unverified has no meaning beside"},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    header: {name: X, secret: Y}\n    events: {open: {value: 1}}\n", `w.yaml:5:23: "secret" is not a key`},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    header: {name: X}\n    events: {open: {value: 1}}\n", "w.yaml:5:5: header: give secret_env or secret_file"},
	{"version: 1\nsources:\n  a:\n    type: postmark\n    basic: {user: 'a:b', secret_env: X}\n    events: {open: {value: 1}}\n", "w.yaml:5:13: basic.user must be given"},
	{"version: 1\nsources:\n  a:\n    type: sendgrid\n    events: {open: {value: 1}}\n", "w.yaml:4:5: nothing says that a delivery is the sender's: give public_key"},
	{"version: 1\nsources:\n  a:\n    type: sendgrid\n    public_key: abc\n    events: {open: {value: 1}}\n", "w.yaml:5:5: public_key: the public key"},
	{"version: 1\nsources:\n  a:\n    type: sendgrid\n    public_key_env: X\n    tolerance: soon\n    events: {open: {value: 1}}\n", `w.yaml:6:5: tolerance: "soon" is not a duration`},
	{"version: 1\nsources:\n  a:\n    type: ses\n    events: {open: {value: 1}}\n", "w.yaml:4:5: topics must name the SNS topics"},
	{"version: 1\nsources:\n  a:\n    type: ses\n    topics: [mail]\n    events: {open: {value: 1}}\n", `w.yaml:5:5: "mail" is not the ARN`},
	{"version: 1\nsources:\n  a:\n    type: ses\n    unverified: true\n    topics: []\n    events: {open: {value: 1}}\n", `w.yaml:5:5: "unverified" is not a key`},
	{"version: 1\nsources:\n  a:\n    type: mapping\n    unverified: true\n    events: {x: {value: 1}}\n", "w.yaml:4:5: map.id is missing"},
	{"version: 1\nsources:\n  a:\n    type: mapping\n    unverified: true\n    events: {x: {value: 1}}\n    map:\n      id: /id\n      kind: event..x\n", "w.yaml:9:7: map.kind: it is not an expression of CEL"},
	{"version: 1\nsources:\n  a:\n    type: mapping\n    signature: {header: X, secret_env: Y, signed: '{bodi}'}\n    events: {x: {value: 1}}\n    map: {id: /id, kind: /kind}\n", "w.yaml:5:43: signature.signed: braces hold body"},
	{"version: 1\nsources:\n  a:\n    type: mapping\n    signature: {header: X, secret_env: Y, timestamp_header: Z, signed: '{body}'}\n    events: {x: {value: 1}}\n    map: {id: /id, kind: /kind}\n", "w.yaml:5:64: signature.signed: a timestamp that is not signed says nothing"},
	{"version: 1\nsources:\n  a:\n    type: mapping\n    signature: {header: X, secret_env: Y, encoding: base32}\n    events: {x: {value: 1}}\n    map: {id: /id, kind: /kind}\n", "w.yaml:5:43: signature.encoding must be hex or base64"},
	{"version: 1\nsources:\n  a: {type: postmark}\n  a: {type: postmark}\n", "w.yaml:4:3: mapping key \"a\" already defined"},
	{"version: 1\nsources: &x {}\n", "w.yaml:2:10: anchors, aliases"},
	{"version: 1\n\tsources: {}\n", "w.yaml:2:1: found character"},
	{"version: 1\n---\nversion: 1\n", "w.yaml:1:1: a webhook file is one document"},
}

func TestProblems(t *testing.T) {
	for _, c := range problemCases {
		_, err := Parse("w.yaml", []byte(c.file))
		var problems FileProblems
		if !errors.As(err, &problems) || !strings.HasPrefix(problems.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.file, err, c.want)
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	one := "version: 1\nsources:\n  one: {type: postmark, unverified: true, events: {open: {value: 1}}}\n"
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(dir); err == nil {
		t.Error("an empty directory is taken")
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); err == nil {
		t.Error("a file that is not there is taken")
	}
	write("a.yaml", one)
	write("b.yml", strings.Replace(one, "one", "two", 1))
	write("README", "not a webhook file")
	c, err := Load(dir)
	if err != nil || strings.Join(c.Names(), " ") != "one two" {
		t.Fatal(c, err)
	}
	write("c.yaml", one)
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "c.yaml:3:3: source one is there twice, first in") {
		t.Error(err)
	}
}

// TestSecretsNeeded: a file is right without its secrets, and is not opened without them.
func TestSecretsNeeded(t *testing.T) {
	c, err := Load(filepath.Join("testdata", "webhooks.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	none := Secrets{Env: func(string) (string, bool) { return "", false }, File: os.ReadFile}
	_, err = c.Open(none, nil)
	var problems FileProblems
	if !errors.As(err, &problems) || len(problems) != 4 || !strings.Contains(err.Error(), "webhooks.yaml:3:3: source sendgrid: the environment variable SENDGRID_KEY is not set") {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := (&secretConfig{File: file}).resolve(none); string(b) != "s3cret" {
		t.Error(string(b), err)
	}
}
