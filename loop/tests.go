package loop

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/learn"
)

// Case is one test of a loop's guardrails: a request, and what is expected to become of some of its actions.
type Case struct {
	Name      string
	File      string
	Line      int
	Loop      *decision.Loop
	Rules     []RulePlace // the loop's
	Now       time.Time
	User      features.Set
	UserKnown bool // false: none of the user's features can be read
	Context   features.Set
	Contacts  guardrail.UserContacts
	Spent     []float64           // by budget of the loop's contact policy
	Actions   []guardrail.Subject // the candidates
	Brought   bool                // by the request; else they are the loop's
	Asked     []int               // indexes into Actions, ascending
	Permitted bool                // what is expected of each of them
	By        string              // the rule that denies them; "" for any
	Reason    string              // that is given; "" for any
	WarnedBy  []string            // names of rules, ordered; nil for any
}

// CompileTests compiles a file of test cases. load compiles a loop file, as CompileFile does. The error is Problems.
func CompileTests(path string, load func(path string) (*learn.Definition, error)) ([]Case, error) {
	c := newCompiler(path)
	c.format = testFormat
	file, err := read(path)
	if err != nil {
		c.addf(position{1, 1}, "%v", err)
		return nil, c.problems()
	}
	if len(file) > MaxFileSize {
		c.addf(position{1, 1}, "the file is larger than %d bytes, the most that a test file may have", MaxFileSize)
		return nil, c.problems()
	}
	root := c.parse(file)
	if root == nil || !c.check(root, &testFileShape, "") {
		return nil, c.problems()
	}
	t := caseFile{compiler: c, root: root, load: load, loops: make(map[string]*learn.Definition), rulesOfLoop: make(map[string][]RulePlace)}
	var cases []Case
	for i, n := range root.key("cases").items {
		if one, ok := t.compile(n, item("cases", i)); ok {
			cases = append(cases, one)
		}
	}
	if err := c.problems(); err != nil {
		return nil, err
	}
	return cases, nil
}

// caseFile compiles the cases of one file.
type caseFile struct {
	*compiler
	root        *node
	load        func(path string) (*learn.Definition, error)
	loops       map[string]*learn.Definition // nil: broken, and said
	rulesOfLoop map[string][]RulePlace
}

// either returns a case's key, or the file's of the same name.
func (t *caseFile) either(n *node, name string) *node {
	if k := n.key(name); k.form != nothing {
		return k
	}
	return t.root.key(name)
}

func (t *caseFile) compile(n *node, path string) (Case, bool) {
	before := len(t.found)
	name := t.either(n, "loop")
	now := t.either(n, "now")
	switch {
	case name.form == nothing:
		t.addf(n.at, "%s.loop is missing: add it here, or loop to the file", path)
	case now.form == nothing:
		t.addf(n.at, "%s.now is missing: add it here, or now to the file", path)
	}
	if len(t.found) > before {
		return Case{}, false
	}
	d := t.definition(name)
	if d == nil {
		return Case{}, false
	}
	l := d.Loop
	one := Case{
		Name: n.key("name").text, File: t.path, Line: n.at.line,
		Loop:      l,
		Rules:     t.rulesOfLoop[name.text],
		Now:       t.moment(now, l.Zone, where(path, "now")),
		UserKnown: n.key("user").text != unreadable,
		User:      t.features(n.key("user"), l.Schema.User, features.Reject, where(path, "user"), "user"),
		Context:   t.features(n.key("context"), l.Schema.Context, l.Schema.Undeclared, where(path, "context"), "context"),
		Contacts:  guardrail.UserContacts{Known: n.key("contacts").text != unreadable, Suppressed: n.key("suppressed").texts()},
		Permitted: n.key("expect").text == permitted,
		By:        n.key("by").text,
		Reason:    n.key("reason").text,
	}
	t.candidates(n, &one, path)
	t.contacts(n, &one, name.text, path)
	t.rules(n, &one, path)
	return one, len(t.found) == before
}

// definition returns a loop by its name, nil where its file is wrong.
func (t *caseFile) definition(name *node) *learn.Definition {
	if d, ok := t.loops[name.text]; ok {
		return d
	}
	dir := filepath.Dir(t.path)
	if at := t.root.key("loops"); at.form == text {
		dir = filepath.Join(dir, filepath.FromSlash(at.text))
	}
	path := filepath.Join(dir, name.text+".yaml")
	d, err := t.load(path)
	if err != nil {
		t.addf(name.at, "loop %s is not right, or not there: nextbest check %s says why", name.text, path)
	}
	t.loops[name.text] = d
	if d != nil {
		t.rulesOfLoop[name.text] = Rules(d)
	}
	return d
}

// features returns the features of one part of a request, each of its declared type.
func (t *caseFile) features(n *node, fields []features.Field, undeclared features.Undeclared, path, part string) features.Set {
	var set features.Set
	for _, e := range n.entries {
		path := where(path, e.name)
		v := e.value.value()
		i := slices.IndexFunc(fields, func(f features.Field) bool { return f.Name == e.name })
		switch {
		case i >= 0:
			v = t.typed(e.value, fields[i], path)
		case undeclared == features.Reject:
			names := make([]string, len(fields))
			for i := range fields {
				names[i] = fields[i].Name
			}
			t.addf(e.at, "%s is not declared under features.%s of the loop%s", path, part, meant(e.name, names))
		}
		set = append(set, features.Feature{Name: e.name, Value: v})
	}
	set, _ = features.NewSet(set) // names come once: check saw to it
	return set
}

// candidates sets the case's actions, and which of them it is about.
func (t *caseFile) candidates(n *node, one *Case, path string) {
	if brought := n.key("actions"); brought.form == list {
		one.Brought = true
		one.Actions = subjects(brought, t.catalogue(brought, &one.Loop.Schema))
	} else {
		one.Actions = one.Loop.Subjects
	}
	ids := make([]string, len(one.Actions))
	for i, a := range one.Actions {
		ids[i] = a.ID
	}
	if len(ids) == 0 {
		t.addf(n.at, "%s: the loop has no actions of its own: give the case those that a request would bring, as actions", path)
		return
	}
	asked := n.key("action")
	if asked.form != list {
		for i := range ids {
			one.Asked = append(one.Asked, i)
		}
		return
	}
	for i, a := range asked.items {
		at := slices.Index(ids, a.text)
		if at < 0 {
			t.addf(a.at, "%s: there is no action %q%s", item(where(path, "action"), i), a.text, meant(a.text, ids))
			continue
		}
		one.Asked = append(one.Asked, at)
	}
	slices.Sort(one.Asked)
	one.Asked = slices.Compact(one.Asked)
}

// contacts sets what the user was reached by, newest first, and what budgets have spent.
func (t *caseFile) contacts(n *node, one *Case, loop, path string) {
	p := one.Loop.Contact
	for _, name := range []string{"contacts", "suppressed", "spent"} {
		if e := n.entry(name); e != nil && p == nil {
			t.addf(e.at, "%s has no meaning: the loop has no contact policy", where(path, name))
		}
	}
	for i, k := range n.key("contacts").items {
		contact := guardrail.Contact{At: one.Now.Add(-k.key("ago").duration()), Event: fmt.Sprint("contact ", i), Loop: loop, Action: k.key("action").text}
		contact.Held = contact.Action == ""
		if l := k.key("loop"); l.form == text {
			contact.Loop = l.text
		}
		if i := slices.IndexFunc(one.Actions, func(a guardrail.Subject) bool { return a.ID == contact.Action }); i >= 0 && contact.Loop == loop {
			contact.Channel, contact.Tags = one.Actions[i].Channel, one.Actions[i].Tags
		}
		if c := k.key("channel"); c.form == text {
			contact.Channel = c.text
		}
		if tags := k.key("tags"); tags.form == list {
			contact.Tags = tags.texts()
		}
		one.Contacts.Recent = append(one.Contacts.Recent, contact)
	}
	slices.SortStableFunc(one.Contacts.Recent, func(a, b guardrail.Contact) int { return b.At.Compare(a.At) })
	if p == nil {
		return
	}
	one.Spent = make([]float64, len(p.Budgets))
	names := make([]string, len(p.Budgets))
	for i := range p.Budgets {
		names[i] = p.Budgets[i].Name
	}
	for _, e := range n.key("spent").entries {
		if i := slices.Index(names, e.name); i >= 0 {
			one.Spent[i] = e.value.number
		} else {
			t.addf(e.at, "%s: the loop has no budget %s%s", where(path, "spent"), e.name, meant(e.name, names))
		}
	}
}

// policyNames returns the reasons that a contact policy can give.
func policyNames(p *guardrail.ContactPolicy) []string {
	if p == nil {
		return nil
	}
	names := slices.Clone(policyReasons)
	for i := range p.Caps {
		names = append(names, reasonCap+p.Caps[i].Name)
	}
	for i := range p.Budgets {
		names = append(names, reasonBudget+p.Budgets[i].Name, reasonPaced+p.Budgets[i].Name)
	}
	return names
}

// rules refuses names of rules and reasons that the loop does not have.
func (t *caseFile) rules(n *node, one *Case, path string) {
	var names, reasons []string
	for _, r := range one.Rules {
		names = append(names, r.Name)
		reasons = append(reasons, r.Reason)
	}
	known := func(n *node, path, what string, known []string) {
		if n.form == text && !slices.Contains(known, n.text) {
			t.addf(n.at, "%s: the loop has no %s %s%s", path, what, n.text, meant(n.text, known))
		}
	}
	known(n.key("by"), where(path, "by"), "rule", names)
	known(n.key("reason"), where(path, "reason"), "rule with the reason", append(reasons, policyNames(one.Loop.Contact)...))
	warned := n.key("warned_by")
	for i, w := range warned.items {
		known(w, item(where(path, "warned_by"), i), "rule", names)
	}
	if warned.form == list {
		one.WarnedBy = append([]string{}, warned.texts()...)
		slices.Sort(one.WarnedBy)
	}
}

// Reasons of the contact policy that have the name of a cap or budget behind them.
const (
	reasonCap    = "cap:"
	reasonBudget = "budget:"
	reasonPaced  = "paced:"
)

// policyReasons are those of the contact policy that stand without a name.
var policyReasons = []string{
	guardrail.ReasonSuppressed, guardrail.ReasonContactsUnknown, guardrail.ReasonQuietHours, guardrail.ReasonZoneUnknown,
}
