package inbound

import (
	"fmt"
	"regexp"
	"time"
)

// Types of sources.
const (
	sendgridType    = "sendgrid"
	sesType         = "ses"
	postmarkType    = "postmark"
	cloudEventsType = "cloudevents"
	mappingType     = "mapping"
)

// rule is what an event of one kind is to a loop: a reward, or an activation.
type rule struct {
	Metric   string   `yaml:"metric"`
	Value    *float64 `yaml:"value"`
	Activate bool     `yaml:"activate"`
}

// Common is what every type of source has. (It is exported for the YAML library, which does not fill embedded types that are
// not.)
type Common struct {
	Type    string          `yaml:"type"`
	Loop    string          `yaml:"loop"`
	Channel string          `yaml:"channel"`
	Events  map[string]rule `yaml:"events"`
}

// Carried is what the sources of mail senders have.
type Carried struct {
	IDs Names `yaml:"ids"`
}

// Shared is how deliveries are verified that carry a shared secret.
type Shared struct {
	Unverified bool          `yaml:"unverified"`
	Basic      *basicConfig  `yaml:"basic"`
	Header     *headerConfig `yaml:"header"`
}

// Signed is what can be told from a signature and a token.
type Signed struct {
	Bearer    *secretConfig    `yaml:"bearer"`
	Signature *signatureConfig `yaml:"signature"`
}

type basicConfig struct {
	User         string `yaml:"user"`
	PasswordEnv  string `yaml:"secret_env"`
	PasswordFile string `yaml:"secret_file"`
}

type headerConfig struct {
	Name string `yaml:"name"`
	Env  string `yaml:"secret_env"`
	File string `yaml:"secret_file"`
}

type signatureConfig struct {
	Header          string `yaml:"header"`
	Prefix          string `yaml:"prefix"`
	Encoding        string `yaml:"encoding"`
	Signed          string `yaml:"signed"`
	TimestampHeader string `yaml:"timestamp_header"`
	Tolerance       string `yaml:"tolerance"`
	Env             string `yaml:"secret_env"`
	File            string `yaml:"secret_file"`
}

type sendgridConfig struct {
	Common        `yaml:",inline"`
	Carried       `yaml:",inline"`
	Unverified    bool   `yaml:"unverified"`
	PublicKey     string `yaml:"public_key"`
	PublicKeyEnv  string `yaml:"public_key_env"`
	PublicKeyFile string `yaml:"public_key_file"`
	Tolerance     string `yaml:"tolerance"`
}

type sesConfig struct {
	Common    `yaml:",inline"`
	Carried   `yaml:",inline"`
	Topics    []string `yaml:"topics"`
	Confirm   bool     `yaml:"confirm"`
	Tolerance string   `yaml:"tolerance"`
}

type postmarkConfig struct {
	Common  `yaml:",inline"`
	Carried `yaml:",inline"`
	Shared  `yaml:",inline"`
}

type cloudEventsConfig struct {
	Common `yaml:",inline"`
	Shared `yaml:",inline"`
	Signed `yaml:",inline"`
	Map    mapConfig `yaml:"map"`
}

type mappingConfig struct {
	Common `yaml:",inline"`
	Shared `yaml:",inline"`
	Signed `yaml:",inline"`
	Each   string    `yaml:"each"`
	Map    mapConfig `yaml:"map"`
}

// mapConfig is where our fields are, each an expression.
type mapConfig struct {
	ID        string `yaml:"id"`
	Kind      string `yaml:"kind"`
	Loop      string `yaml:"loop"`
	EventID   string `yaml:"event_id"`
	SlotID    string `yaml:"slot_id"`
	UserID    string `yaml:"user_id"`
	ActionID  string `yaml:"action_id"`
	Channel   string `yaml:"channel"`
	Value     string `yaml:"value"`
	Time      string `yaml:"time"`
	UserAgent string `yaml:"user_agent"`
	IP        string `yaml:"ip"`
	Machine   string `yaml:"machine"`
}

// keys returns the fields by name, in the order of the documentation.
func (m *mapConfig) keys() []mapKey {
	return []mapKey{
		{"id", &m.ID}, {"kind", &m.Kind}, {"loop", &m.Loop}, {"event_id", &m.EventID}, {"slot_id", &m.SlotID},
		{"user_id", &m.UserID}, {"action_id", &m.ActionID}, {"channel", &m.Channel}, {"value", &m.Value}, {"time", &m.Time},
		{"user_agent", &m.UserAgent}, {"ip", &m.IP}, {"machine", &m.Machine},
	}
}

type mapKey struct {
	name string
	text *string
}

// orDefault returns the mapping with d's where it says nothing.
func (m mapConfig) orDefault(d mapConfig) mapConfig {
	defaults := d.keys()
	for i, k := range m.keys() {
		if *k.text == "" {
			*k.text = *defaults[i].text
		}
	}
	return m
}

// into returns where the field is kept once it is compiled.
func (f *fields) into() []*expression {
	return []*expression{&f.id, &f.kind, &f.loop, &f.eventID, &f.slotID, &f.userID, &f.actionID, &f.channel, &f.value, &f.time,
		&f.userAgent, &f.ip, &f.machine}
}

// Names of sources stand in paths, loops' names are package loop's.
var (
	sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	topicARN   = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$`)
	headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,128}$`)
)

// Bounds of a tolerance: below, networks and clocks refuse good deliveries; above, it says nothing.
const (
	leastAge     = time.Second
	mostAge      = 30 * 24 * time.Hour
	signatureAge = 5 * time.Minute // who signs each attempt anew is answered within seconds
)

// duration reads a tolerance, or returns the default where there is none.
func duration(text string, otherwise time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration, as in 5m or 25h", text)
	}
	if d < leastAge || d > mostAge {
		return 0, fmt.Errorf("must be from %s to %s", leastAge, mostAge)
	}
	return d, nil
}
