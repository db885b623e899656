package loop

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/model"
)

// definition builds the Definition of a checked tree, and adds what is wrong between its parts. The result is worth
// nothing when there are problems.
func (c *compiler) definition(root *node) *learn.Definition {
	c.named(root.key("name"))
	l := &decision.Loop{
		Name:     root.key("name").text,
		Schema:   c.schema(root.key("features")),
		Policy:   c.policy(root.key("policy")),
		Mode:     decision.LearningMode(root.key("learning_mode").index(modeWords)),
		Features: decision.OnFeaturesFailure(root.key("fallback").key("features").index(fallbackWords)),
		Log:      decision.OnLogFailure(root.key("fallback").key("log").index(logFallbackWords)),
		NoAction: decision.OnNoAction(root.key("fallback").key("no_action").index(noActionWords)),
		RankSync: decision.Durability(root.key("durability").key("rank").index(durabilityWords)),
	}
	l.Salt = salt(root)
	actions, of := root.key("actions"), c
	if actions.text == fromCatalogue {
		of, actions = c.live()
	}
	l.Actions = of.catalogue(actions, &l.Schema)
	l.UserNames = l.Schema.UserFieldNames()
	l.Zone = c.zone(root.key("time_zone"), "time_zone", time.UTC)
	l.ZoneFeature = c.zoneFeature(root.key("time_zone_feature"), &l.Schema)
	l.Subjects, l.Mandatory = subjects(actions, l.Actions), mandatory(actions)
	c.sendTime(root, l)
	if l.Send != nil {
		l.Subjects = []guardrail.Subject{l.Send.Subject}
		l.Policy = c.sendPolicy(root, l.Policy)
	}
	if l.Policy != nil {
		l.PolicyName = l.Policy.String()
	}
	l.Contact = c.contact(root, l)
	c.guardrails(root, l)
	reward := c.reward(root.key("reward"))
	c.slots(root, l, &reward)
	promotion := c.promotion(root.key("promotion"), &reward)
	return &learn.Definition{
		Catalogue:    c.catalogueSpec(root),
		Loop:         l,
		Reward:       reward,
		Promotion:    promotion,
		RewardSync:   decision.Durability(root.key("durability").key("reward").index(durabilityWords)),
		NewEstimator: func() model.Estimator { return estimatorOf(l).make(reward.Default) },
	}
}

// catalogueSpec returns how actions of the catalogue are taken, nil where they are none of it.
func (c *compiler) catalogueSpec(root *node) *learn.CatalogueSpec {
	n := root.key("catalogue")
	if root.key("actions").text != fromCatalogue {
		if e := root.entry("catalogue"); e != nil && e.value.at != root.at { // not a default
			c.addf(e.at, "catalogue: the loop's actions are none of the catalogue's: write actions: catalogue, or leave this out")
		}
		return nil
	}
	return &learn.CatalogueSpec{ReviewShare: n.key("review_share").number, ReviewServes: n.key("review").text == reviewWords[1]}
}

// challenged returns the loop that a path's file challenges: that of challengers/LOOP/NAME.yaml.
func challenged(path string) (loop string, ok bool) {
	folder := filepath.Dir(path)
	return filepath.Base(folder), filepath.Base(filepath.Dir(folder)) == ChallengerFolder
}

// index returns a word's place in the words that its key allows, 0 when it is none of them.
func (n *node) index(words []string) int { return max(slices.Index(words, n.text), 0) }

// loopName returns what the loop is called, by its file.
func (c *compiler) loopName() string {
	if c.loop != "" {
		return c.loop
	}
	if loop, ok := challenged(c.path); ok {
		return loop
	}
	name, _ := loopName(filepath.Base(c.path))
	return name
}

// named compares the loop's name with its file's, so that a copy of a file cannot take over what another loop learned. A
// challenger's file is named after its folder.
func (c *compiler) named(n *node) {
	if c.loop != "" {
		if n.form == text && n.text != c.loop {
			c.addf(n.at, "name: this is a file of loop %s; wanted is one of loop %s", n.text, c.loop)
		}
		return
	}
	base := filepath.Base(c.path)
	if loop, ok := challenged(c.path); ok {
		if n.form == text && n.text != loop {
			c.addf(n.at, "name: the file is in challengers/%s, so the loop must be called %s", loop, loop)
		}
		return
	}
	if want := strings.TrimSuffix(base, filepath.Ext(base)); n.form == text && n.text != want {
		c.addf(n.at, "name: the file is called %s, so the loop must be called %s (or rename the file to %s.yaml)", base, want, n.text)
	}
}

// salt returns what the draws are salted with: a hash that is the same for ever.
func salt(root *node) uint64 {
	if s := root.key("salt"); s.form == text {
		return xxhash.Sum64String(s.text)
	}
	return xxhash.Sum64String(root.key("name").text)
}

// schema returns the declarations. User features share the model's coordinates with those of the request.
func (c *compiler) schema(n *node) features.Schema {
	context := c.fields(n.key("context"), "features.context")
	user := c.fields(n.key("user"), "features.user")
	action := c.fields(n.key("action"), "features.action")
	undeclared := features.Undeclared(n.key("undeclared").index(undeclaredWords))
	s, err := features.NewSchema(context, user, action, undeclared)
	if err != nil && len(c.found) == 0 { // what it refuses was found above, with its place
		c.addf(n.at, "features: %v", err)
	}
	if err != nil {
		return features.Schema{Context: context, User: user, Action: action, Undeclared: undeclared}
	}
	return s
}

// fields returns the declarations of one part, by name.
func (c *compiler) fields(n *node, path string) []features.Field {
	var fields []features.Field
	for _, e := range n.entries {
		c.reserved(e, path)
		f := features.Field{
			Name:   e.name,
			Type:   features.Type(e.value.key("type").index(typeWords)),
			Dim:    int(e.value.key("dim").number),
			MaxAge: e.value.key("max_age").duration(),
		}
		if v := e.value.key("default"); v.form != nothing && e.value.key("type").form != nothing {
			f.Default = c.typed(v, f, where(where(path, e.name), "default"))
		}
		fields = append(fields, f)
	}
	slices.SortFunc(fields, func(a, b features.Field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// reserved refuses names that mean something else: time stamps in the store, user features in the model.
func (c *compiler) reserved(e entry, path string) {
	switch {
	case path == "features.user" && strings.HasSuffix(e.name, "@at"):
		c.addf(e.at, "%s: names ending in @at are the time stamps of features: choose another", where(path, e.name))
	case path == "features.context" && strings.HasPrefix(e.name, "user."):
		c.addf(e.at, "%s: names beginning with user. are those of user features: declare it under features.user, or choose another", where(path, e.name))
	}
}

// typed returns a value as its declaration wants it.
func (c *compiler) typed(n *node, f features.Field, path string) features.Value {
	v := n.value()
	one := features.Schema{Action: []features.Field{{Name: f.Name, Type: f.Type, Dim: f.Dim}}}
	var wrong *features.CheckError
	if errors.As(one.CheckAction(features.Set{{Name: f.Name, Value: v}}), &wrong) {
		advice := ""
		if f.Type == features.CategoryType && n.form != list {
			advice = ": put it in quotes"
		}
		c.addf(n.at, "%s: %s%s", path, wrong.Problem, advice)
	}
	return v
}

// value returns a checked node as a feature's value. An empty list is one of texts.
func (n *node) value() features.Value {
	switch n.form {
	case flag:
		return features.FlagValue(n.flag)
	case number:
		return features.NumberValue(n.number)
	case text:
		return features.TextValue(n.text)
	case list:
		return n.values()
	}
	return features.Value{}
}

func (n *node) values() features.Value {
	if len(n.items) > 0 && n.items[0].form == number {
		return features.NumbersValue(n.numbers())
	}
	return features.TextsValue(n.texts())
}

func (n *node) numbers() []float64 {
	xs := make([]float64, len(n.items))
	for i, v := range n.items {
		xs[i] = v.number
	}
	return xs
}

func (n *node) texts() []string {
	ss := make([]string, len(n.items))
	for i, v := range n.items {
		ss[i] = v.text
	}
	return ss
}

// catalogue returns the actions of the file, none for from_request.
func (c *compiler) catalogue(n *node, s *features.Schema) []decision.Action {
	first := make(map[string]position)
	var actions []decision.Action
	for i, a := range n.items {
		path, id := item("actions", i), a.key("id")
		if at, again := first[id.text]; again && id.form == text {
			c.addf(id.at, "%s.id: %q is the id of another action, in line %d: give each its own", path, id.text, at.line)
		}
		first[id.text] = id.at
		actions = append(actions, decision.Action{ID: id.text, Features: c.actionFeatures(a.key("features"), s, path)})
	}
	return actions
}

func (c *compiler) actionFeatures(n *node, s *features.Schema, path string) features.Set {
	var set features.Set
	for _, e := range n.entries {
		path := path + ".features." + e.name
		v := e.value.value()
		i, declared := slices.BinarySearchFunc(s.Action, e.name, func(f features.Field, name string) int { return strings.Compare(f.Name, name) })
		switch {
		case declared:
			v = c.typed(e.value, s.Action[i], path)
		case s.Undeclared == features.Reject:
			c.addf(e.at, "%s is not declared under features.action, and features.undeclared is reject: declare it", path)
		}
		set = append(set, features.Feature{Name: e.name, Value: v})
	}
	set, _ = features.NewSet(set) // names come once: check saw to it
	return set
}

func (c *compiler) policy(n *node) model.Exploration {
	p, err := newExploration(n)
	if err != nil {
		c.addf(n.at, "policy: %v", err)
	}
	return p
}

func (c *compiler) reward(n *node) learn.RewardSpec {
	r := learn.RewardSpec{
		Window:      n.key("reward_wait_time").duration(),
		Default:     n.key("default_reward").number,
		Aggregation: learn.Aggregation(n.key("aggregation").index(aggregationWords)),
		Metrics:     c.metrics(n.key("metrics")),
		Min:         math.Inf(-1),
		Max:         math.Inf(1),
		Address:     learn.AddressKept(n.key("ip").index(addressWords)),
	}
	r.Machine = c.machineRules(n.key("machine"), &r)
	if bounds := n.key("range"); len(bounds.items) == 2 {
		r.Min, r.Max = bounds.items[0].number, bounds.items[1].number
		c.bounded(n, &r)
	}
	return r
}

// bounded checks a range. The default is what a whole event is worth, the range is of one reported value: they compare
// only where an event's worth is one such value.
func (c *compiler) bounded(n *node, r *learn.RewardSpec) {
	switch at := n.key("range").at; {
	case r.Min >= r.Max:
		c.addf(at, "reward.range: the minimum %g must be below the maximum %g", r.Min, r.Max)
	case len(r.Metrics) > 0 || r.Aggregation == learn.Sum:
	case r.Default < r.Min || r.Default > r.Max:
		if e := n.entry("default_reward"); e.value.at != n.at {
			at = e.value.at
		}
		c.addf(at, "reward.default_reward: %g is outside of reward.range [%g, %g]: widen the range, or change the default", r.Default, r.Min, r.Max)
	}
}

func (c *compiler) promotion(n *node, r *learn.RewardSpec) learn.PromotionSpec {
	watch := n.key("watch")
	p := learn.PromotionSpec{
		Automatic:     n.key("mode").text == automatic,
		Alpha:         n.key("alpha").number,
		MinimumEvents: uint64(n.key("minimum_events").number),
		Watch: learn.WatchSpec{
			Metric:    watch.key("metric").text,
			Lower:     watch.key("better").text == lowerIsBetter,
			Tolerance: watch.key("tolerance").number,
		},
	}
	known := slices.ContainsFunc(r.Metrics, func(m learn.Metric) bool { return m.Name == p.Watch.Metric })
	if m := watch.key("metric"); m.form == text && !known {
		c.addf(m.at, "promotion.watch.metric: %q is not one of reward.metrics: declare it there, with weight 0 if it is not to be learned from", m.text)
	}
	return p
}

func (c *compiler) metrics(n *node) []learn.Metric {
	var metrics []learn.Metric
	useful := n.form == nothing || len(n.failed) > 0
	for _, e := range n.entries {
		useful = useful || e.value.number != 0
		metrics = append(metrics, learn.Metric{Name: e.name, Weight: e.value.number})
	}
	if !useful {
		c.addf(n.at, "reward.metrics: every weight is 0, so nothing would be learned: give one another weight")
	}
	slices.SortFunc(metrics, func(a, b learn.Metric) int { return strings.Compare(a.Name, b.Name) })
	return metrics
}
