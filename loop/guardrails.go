package loop

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // where the system has no time zones: the same bytes give the same Definition everywhere

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/learn"
)

// rule is a rule of a file, before it is compiled.
type rule struct {
	file *compiler
	node *node
	path string // within the file, as in guardrails[2]
}

// at returns where a key of the rule is, or where the rule begins.
func (r *rule) at(key string) position {
	if e := r.node.entry(key); e != nil {
		return e.value.at
	}
	return r.node.at
}

// ruleGathering collects the rules of a loop file and of all that it includes.
type ruleGathering struct {
	loop  *compiler
	rules []rule
	first map[string]*rule // by name
	open  []string         // the parts that are being read: those that include the present one
	alone bool             // only one shared file: what it includes is another's business
}

// rulesOf returns the rules of a loop file's list, in the order of files; each name once.
func (c *compiler) rulesOf(n *node) []rule {
	g := ruleGathering{loop: c, first: make(map[string]*rule)}
	for i, e := range n.items {
		path := item("guardrails", i)
		if slices.Contains(e.failed, "include") {
			continue
		}
		if e.entry("include") == nil {
			g.add(c, e, path)
			continue
		}
		if len(e.given()) > 1 {
			c.addf(e.at, "%s: an entry with include has no other key: write the rule as an entry of its own", path)
			continue
		}
		g.include(c, e.key("include"), where(path, "include"))
	}
	if len(g.rules) > maxRulesInAll {
		c.addf(n.at, "guardrails: with what it includes the loop has %d rules; at most %d are allowed", len(g.rules), maxRulesInAll)
	}
	return g.rules
}

// guardrails compiles the rules of a loop file, and of what it includes, into the loop.
func (c *compiler) guardrails(root *node, l *decision.Loop) {
	brand := c.brandOf(root.key("brand"))
	rules := c.rulesOf(root.key("guardrails"))
	var of *guardrail.Brand
	if brand != nil {
		of = brand.brand
	}
	list := make([]guardrail.Rule, len(rules))
	byName := make(map[string]*rule, len(rules))
	for i := range rules {
		list[i] = rules[i].compiled(l.Zone)
		byName[list[i].Name] = &rules[i]
	}
	if of != nil {
		brandFeatures(l, of)
	}
	if len(rules) == 0 || c.wrong() {
		return
	}
	set, problems := guardrail.Compile(list, &l.Schema, of)
	for _, p := range problems {
		c.ruleProblem(byName[p.Rule], brand, &p)
	}
	if len(problems) > 0 {
		return
	}
	l.Guardrails = set
	l.Bound = set.Bind(l.Subjects)
}

// wrong reports whether anything was found that is wrong.
func (c *compiler) wrong() bool { return len(c.found) > 0 || c.sound() < len(c.included) }

// ruleProblem adds a problem of a rule's expression at its place in the file. A shared file may be right for other loops.
func (c *compiler) ruleProblem(r *rule, brand *brandFile, p *guardrail.Problem) {
	if r == nil { // of the brand
		file, at := c, position{1, 1}
		if brand != nil {
			file = brand.file
		}
		file.addf(at, "%s", p.Message)
		return
	}
	of := ""
	if r.file != c {
		of = fmt.Sprintf(" (in loop %s)", c.loopName())
	}
	at := r.at(p.Key)
	if n := r.node.key(p.Key); n.form == text && p.Line > 0 {
		at = r.file.placeWithin(n, p.Line, p.Column)
	}
	r.file.addf(at, "rule %s, %s: %s%s", p.Rule, p.Key, p.Message, of)
}

// ownReasons are those that an action can be excluded for without a rule.
var ownReasons = append([]string{
	decision.ExcludedByRequest, decision.ExcludedBySlot, decision.ExcludedByUse, decision.ExcludedByNeed, decision.ExcludedByKill,
}, policyReasons...)

// compiled returns the rule as package guardrail wants it.
func (r *rule) compiled(zone *time.Location) guardrail.Rule {
	n := r.node
	zone = r.file.zone(n.key("time_zone"), where(r.path, "time_zone"), zone)
	g := guardrail.Rule{
		Name:      n.key("name").text,
		Kind:      guardrail.Kind(n.key("kind").index(ruleKindWords)),
		Severity:  guardrail.Severity(n.key("severity").index(severityWords)),
		Require:   n.key("require").text,
		Forbid:    n.key("forbid").text,
		Reason:    n.key("reason").text,
		Text:      n.key("text").text,
		OnMissing: guardrail.OnMissing(n.key("on_missing").index(onMissingWords)),
		From:      r.file.moment(n.key("from"), zone, where(r.path, "from")),
		Until:     r.file.moment(n.key("until"), zone, where(r.path, "until")),
	}
	if g.Reason == "" {
		g.Reason = g.Name
	}
	if slices.Contains(ownReasons, g.Reason) {
		key := "reason"
		if n.key("reason").form == nothing {
			key = "name"
		}
		r.file.addf(r.at(key), "%s: %s is a reason of the service's own: give the rule another", where(r.path, key), g.Reason)
	}
	if !g.From.IsZero() && !g.Until.IsZero() && !g.From.Before(g.Until) {
		r.file.addf(r.at("until"), "%s: the rule would end at %s, and begin at %s", where(r.path, "until"), n.key("until").text, n.key("from").text)
	}
	return g
}

// subjects returns actions of a file as rules see them.
func subjects(n *node, actions []decision.Action) []guardrail.Subject {
	all := make([]guardrail.Subject, len(actions))
	for i, a := range actions {
		s := guardrail.Subject{ID: a.ID, Features: a.Features}
		if i < len(n.items) {
			s.Channel, s.Text, s.Tags = n.items[i].key("channel").text, n.items[i].key("text").text, n.items[i].key("tags").texts()
			s.Silent = !n.items[i].key("contact").flag
		}
		all[i] = s
	}
	return all
}

// mandatory says of each action whether it is; nil when none is.
func mandatory(n *node) []bool {
	all := make([]bool, len(n.items))
	for i, a := range n.items {
		all[i] = a.key("mandatory").flag
	}
	if !slices.Contains(all, true) {
		return nil
	}
	return all
}

// zoneFeature returns the name of the category that holds a time zone.
func (c *compiler) zoneFeature(n *node, s *features.Schema) string {
	if n.form != text {
		return ""
	}
	part, name, _ := strings.Cut(n.text, ".")
	fields := s.User
	if part == "context" {
		fields = s.Context
	}
	if !slices.ContainsFunc(fields, func(f features.Field) bool { return f.Name == name && f.Type == features.CategoryType }) {
		c.addf(n.at, "time_zone_feature: %s is not a declared category: declare %s under features.%s with type: category", n.text, name, part)
		return ""
	}
	return n.text
}

// RulePlace is a rule of a loop, and where it is written.
type RulePlace struct {
	Name, Kind, Severity, Reason, Text string
	File                               string
	Line                               int // of the rule's name, from 1
}

// Rules returns the rules of a loop, by name.
func Rules(d *learn.Definition) []RulePlace {
	c := newCompiler(d.Path)
	b, err := unpack(d.File)
	if err != nil {
		return nil
	}
	c.bundle = b
	root := c.parse(b.main)
	if root == nil || !c.check(root, &fileShape, "") {
		return nil
	}
	var places []RulePlace
	for _, r := range c.rulesOf(root.key("guardrails")) {
		p := RulePlace{Name: r.node.key("name").text, Kind: r.node.key("kind").text, Severity: r.node.key("severity").text,
			Reason: r.node.key("reason").text, Text: r.node.key("text").text, File: r.file.path, Line: r.at("name").line}
		if p.Reason == "" {
			p.Reason = p.Name
		}
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b RulePlace) int { return strings.Compare(a.Name, b.Name) })
	return places
}

// include adds the rules of a file.
func (g *ruleGathering) include(from *compiler, at *node, path string) {
	part := guardrailPart(at.text)
	for i, open := range g.open {
		if open == part {
			names := []string{}
			for _, o := range append(g.open[i:], part) {
				names = append(names, partName(o))
			}
			from.addf(at.at, "%s: the files include each other in a circle (%s): remove one of the includes", path, strings.Join(names, " → "))
			return
		}
	}
	file, root, _ := g.loop.open(from, at.at, path, part, guardrailFormat)
	if root == nil {
		return
	}
	g.open = append(g.open, part)
	for i, n := range root.key("include").items {
		if g.alone {
			break
		}
		g.include(file, n, item("include", i))
	}
	g.open = g.open[:len(g.open)-1]
	for i, n := range root.key("guardrails").items {
		g.add(file, n, item("guardrails", i))
	}
}

// add adds a rule that is complete.
func (g *ruleGathering) add(file *compiler, n *node, path string) {
	r := &rule{file, n, path}
	before := len(file.found)
	for _, name := range []string{"name", "kind"} {
		if n.entry(name) == nil && !slices.Contains(n.failed, name) {
			file.addf(n.at, "%s.%s is missing: add it, it is %s", path, name, ruleShape.key(name).wanted())
		}
	}
	switch requires, forbids := n.entry("require"), n.entry("forbid"); {
	case requires != nil && forbids != nil:
		file.addf(forbids.at, "%s: a rule has require or forbid, not both: write two rules", path)
	case requires == nil && forbids == nil && !slices.Contains(n.failed, "require") && !slices.Contains(n.failed, "forbid"):
		file.addf(n.at, "%s: a rule needs require or forbid, an expression that is true or false", path)
	}
	if len(file.found) > before || n.entry("name") == nil {
		return
	}
	name := n.key("name").text
	if same := g.first[name]; same != nil {
		file.addf(r.at("name"), "%s.name: %s is the name of another rule, in %s:%d: give each its own", path, name, same.file.path, same.at("name").line)
		return
	}
	g.first[name] = r
	g.rules = append(g.rules, *r)
}

// zone returns a time zone by its name in the tz database.
func (c *compiler) zone(n *node, path string, none *time.Location) *time.Location {
	if n.form != text {
		return none
	}
	z, err := time.LoadLocation(n.text)
	if err != nil || n.text == "Local" {
		c.addf(n.at, "%s: %q is no time zone: give it a name of the tz database, as in Europe/Berlin or UTC", path, n.text)
		return none
	}
	return z
}

// moments are the ways in which a moment is written, by the length of the text.
var moments = map[int]string{
	len("2006-01-02"):                time.DateOnly,
	len("2006-01-02T15:04"):          "2006-01-02T15:04",
	len("2006-01-02T15:04:05"):       "2006-01-02T15:04:05",
	len("2006-01-02T15:04Z"):         "2006-01-02T15:04Z07:00",
	len("2006-01-02T15:04:05Z"):      time.RFC3339,
	len("2006-01-02T15:04+00:00"):    "2006-01-02T15:04Z07:00",
	len("2006-01-02T15:04:05+00:00"): time.RFC3339,
}

// moment returns a time that is written in a zone, the zero time when there is none.
func (c *compiler) moment(n *node, zone *time.Location, path string) time.Time {
	if n.form != text {
		return time.Time{}
	}
	written := strings.Replace(n.text, " ", "T", 1)
	t, err := time.ParseInLocation(moments[len(written)], written, zone)
	if err != nil {
		c.addf(n.at, "%s: %s is no time that there is", path, n.text)
	}
	return t
}
