// Package catalogue keeps the actions of loops with 'actions: catalogue': versions, admission, reviews, and which are live.
//
//	draft ──admit──► admitted ──► live ⇄ paused ──► retired ──restore──► live
//	     │     └───► review ──approve──► admitted
//	     │                └───reject───► rejected
//	     └─────────► rejected, with every reason
//
// An action is live while its newest admitted version is valid and nobody has paused or retired it: a newer version that waits,
// or was rejected, leaves the one before in its place. Every change is an audit entry, and the state is a fold over them; a
// Store holds a copy for other processes.
package catalogue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
)

// State is where a version, or an action, stands.
type State string

// The states. Live is an action's: that its newest admitted version is served.
const (
	Draft    State = "draft"
	Rejected State = "rejected" // by admission rules, or by a person
	Review   State = "review"   // admitted by the rules, and drawn for a person to look at
	Admitted State = "admitted" // not valid yet, or no longer
	Live     State = "live"
	Paused   State = "paused"
	Retired  State = "retired"
)

// Limits of a catalogue.
const (
	MaxActions  = 100_000 // of one loop
	MaxLive     = 10_000  // of one loop
	maxVersions = 10      // kept of one action, with the one that is live
	maxDocument = 64 << 10
)

// Errors of changes. Limits are wrapped with what they are about.
var (
	ErrUnknownAction = errors.New("no such action in the catalogue")
	ErrTransition    = errors.New("the action cannot go there")
	ErrVersion       = errors.New("the action has another version meanwhile")
	ErrFull          = errors.New("the catalogue is full")
)

// Variant is a version of an action as somebody wants it.
type Variant struct {
	ID        string
	Document  json.RawMessage // the action with the keys of loop files, id included; canonical: see Canonical
	From      time.Time       // live from then on; zero: at once
	Until     time.Time       // live until just before then; zero: for ever
	Draft     bool            // kept aside: admission is asked for later
	IfVersion int             // the newest version there must be; 0 is any, -1 none
}

// Version is one version of an action.
type Version struct {
	ID       string          `json:"id"`
	Number   int             `json:"number"` // from 1
	Document json.RawMessage `json:"document"`
	State    State           `json:"state"` // draft, rejected, review or admitted
	Reasons  []string        `json:"reasons,omitempty"`
	From     time.Time       `json:"from,omitzero"`
	Until    time.Time       `json:"until,omitzero"`
	Actor    string          `json:"actor"`
	At       time.Time       `json:"at"`
	Drawn    bool            `json:"drawn,omitempty"` // for a person to look at
	Reviewer string          `json:"reviewer,omitempty"`
}

// waits reports whether a version waits for a person's word.
func (v *Version) waits() bool {
	return v.State == Review || v.State == Admitted && v.Drawn && v.Reviewer == ""
}

// Action is an action with its versions.
type Action struct {
	ID       string    `json:"id"`
	Held     State     `json:"held,omitempty"` // paused or retired; "" when it is neither
	Versions []Version `json:"versions"`       // by number; old ones are forgotten
}

// Newest returns the newest version.
func (a *Action) Newest() *Version { return &a.Versions[len(a.Versions)-1] }

// admitted returns the newest admitted version, nil when there is none.
func (a *Action) admitted() *Version {
	for i := range slices.Backward(a.Versions) {
		if a.Versions[i].State == Admitted {
			return &a.Versions[i]
		}
	}
	return nil
}

// Serving returns the version that is live at a time, nil when the action is not.
func (a *Action) Serving(now time.Time) *Version {
	v := a.admitted()
	if v == nil || a.Held != "" || now.Before(v.From) || !v.Until.IsZero() && !now.Before(v.Until) {
		return nil
	}
	return v
}

// offered reports whether the action is live, or would be at some time: nobody holds it, and a version is admitted.
func (a *Action) offered() bool { return a.Held == "" && a.admitted() != nil }

// State returns where the action stands at a time.
func (a *Action) State(now time.Time) State {
	switch {
	case a.Held != "":
		return a.Held
	case a.Serving(now) != nil:
		return Live
	}
	return a.Newest().State
}

// add appends a version, and forgets the oldest that nothing needs.
func (a *Action) add(v Version) {
	a.Versions = append(a.Versions, v)
	for len(a.Versions) > maxVersions {
		oldest := 0
		if a.admitted() == &a.Versions[0] {
			oldest = 1
		}
		a.Versions = slices.Delete(a.Versions, oldest, oldest+1)
	}
}

// hold says whether an action may be put on hold, or let go: to is paused, retired, or live for restore.
func (a *Action) hold(to State) (State, error) {
	from := cmp.Or(a.Held, Live)
	allowed := map[State][]State{Live: {Paused, Retired}, Paused: {Live, Retired}, Retired: {Live}}
	if !slices.Contains(allowed[from], to) {
		return "", fmt.Errorf("%q is %s: %w to %s", a.ID, from, ErrTransition, to)
	}
	if to == Live {
		return "", nil
	}
	return to, nil
}

// clone returns a copy that can be changed.
func (a *Action) clone() *Action {
	c := *a
	c.Versions = slices.Clone(a.Versions)
	return &c
}

// Canonical returns a document with its keys in order and no blanks, and the id in it.
func Canonical(document []byte) (id string, canonical json.RawMessage, err error) {
	if len(document) > maxDocument {
		return "", nil, fmt.Errorf("the action has %d bytes; at most %d are allowed", len(document), maxDocument)
	}
	d := json.NewDecoder(bytes.NewReader(document))
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return "", nil, fmt.Errorf("the action is no JSON object: %w", err)
	}
	if d.More() {
		return "", nil, errors.New("there is more behind the action's JSON object")
	}
	id, ok := v["id"].(string)
	if !ok || id == "" {
		return "", nil, errors.New("the action has no id")
	}
	canonical, err = json.Marshal(v)
	return id, canonical, err
}

// drawn reports whether a version is to be looked at by a person: nobody can choose which.
func drawn(loop, id string, number int, share float64) bool {
	if share <= 0 {
		return false
	}
	h := xxhash.Sum64String(fmt.Sprintf("catalogue\x00%s\x00%s\x00%d", loop, id, number))
	return float64(h>>11)/(1<<53) < share
}

// byID orders actions.
func byID(a, b *Action) int { return strings.Compare(a.ID, b.ID) }
