package loop_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/model"
)

// A loop that says nothing of slots decides and learns as before there were such keys; one that says that it has them
// takes their position for context.
func TestSlots(t *testing.T) {
	const head = "version: 1\nname: t\nactions: from_request\nfeatures: {undeclared: ignore}\n"
	plain := compile(t, head)
	for _, c := range []struct {
		text      string
		position  bool
		model     learn.RewardModel
		estimator model.Estimator
	}{
		{"", false, learn.Independent, &model.Arms{}},
		{"slots: {}\n", true, learn.Independent, &model.Mixture{}},
		{"slots: {position: context}\n", true, learn.Independent, &model.Mixture{}},
		{"slots: {position: ignore}\n", false, learn.Independent, &model.Arms{}},
		{"slots: {reward_model: cascade}\n", true, learn.Cascade, &model.Mixture{}},
		{"slots: {position: ignore, reward_model: cascade}\n", false, learn.Cascade, &model.Arms{}},
	} {
		d := compile(t, head+c.text)
		if d.Loop.Position != c.position || d.Reward.Model != c.model {
			t.Errorf("%q: position %t, reward model %d", c.text, d.Loop.Position, d.Reward.Model)
		}
		if got := d.NewEstimator(); reflect.TypeOf(got) != reflect.TypeOf(c.estimator) {
			t.Errorf("%q: learns with %T, want %T", c.text, got, c.estimator)
		}
		same := !c.position && c.model == learn.Independent
		if (d.LearningKey == plain.LearningKey) != same {
			t.Errorf("%q: another learning key: %t", c.text, !same)
		}
	}
}

// What docs/slots.md shows as a loop file is one.
func TestSlotsPage(t *testing.T) {
	blocks := strings.Split(readFile(t, "../docs/slots.md"), "```yaml\n")
	if len(blocks) < 2 {
		t.Fatal("the page shows no loop file")
	}
	for _, b := range blocks[1:] {
		text, _, _ := strings.Cut(b, "```")
		d, err := loop.Compile("page.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s\n%v", text, err)
		} else if !d.Loop.Position || d.Reward.Model != learn.Cascade {
			t.Errorf("%s\nposition %t, reward model %d", text, d.Loop.Position, d.Reward.Model)
		}
	}
}
