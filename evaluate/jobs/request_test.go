package jobs

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/ope"
)

const shopFile = `version: 1
name: shop
actions: [{id: a}, {id: b}, {id: c}]
policy: {type: %s}
reward: {reward_wait_time: 1h, range: [0, 1]}
`

func shop(policy string) string { return strings.Replace(shopFile, "%s", policy, 1) }

func TestBadRequests(t *testing.T) {
	onDisk := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(onDisk, []byte(shop("uniform")), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		name           string
		change         func(*Request)
		field, problem string
	}{
		{"no policy", func(q *Request) { q.Policies = nil }, "policies", "empty"},
		{"unknown word", func(q *Request) { q.Policies[1].Name = "best" }, "policies[1].name", `"best" names no policy`},
		{"a path is no word", func(q *Request) { q.Policies[1].Name = onDisk }, "policies[1].name", "names no policy"},
		{"action without id", func(q *Request) { q.Policies[1].Name = "action:" }, "policies[1].name", "which one"},
		{"broken file", func(q *Request) { q.Policies[1] = Policy{"shop.yaml", shop("uniform") + "polcy: {}\n"} },
			"policies[1].loopFile", "shop.yaml:6:1: "},
		{"file of another loop", func(q *Request) {
			q.Policies[1] = Policy{"shop.yaml", strings.Replace(shop("uniform"), "shop", "page", 1)}
		},
			"policies[1].loopFile", "shop.yaml:2:7: "},
		{"not text", func(q *Request) { q.Policies[1] = Policy{"shop.yaml", "\x00\xff"} }, "policies[1].loopFile", "shop.yaml:1:"},
		{"many files", func(q *Request) {
			for i := range 9 {
				q.Policies = append(q.Policies, Policy{fmt.Sprint("shop", i, ".yaml"), shop("uniform")})
			}
		}, "policies", "9 loop files"},
		{"policy twice", func(q *Request) { q.Policies = append(q.Policies, Policy{Name: "online"}) }, "policies[2]", "twice"},
		{"file twice", func(q *Request) { q.Policies = []Policy{{"s", shop("uniform")}, {"s", shop("uniform")}} }, "policies[1]", "twice"},
		{"many policies", func(q *Request) { q.Estimators, q.Policies = []string{"ips"}, make([]Policy, 101); name(q.Policies) },
			"policies", "101 policies"},
		{"many sums", func(q *Request) {
			q.Policies = make([]Policy, 100)
			name(q.Policies)
			q.Estimators = []string{"dr+slope"}
		},
			"policies", "sums"},
		{"many sums of slots", func(q *Request) { q.Policies, q.Slots = make([]Policy, 11), true; name(q.Policies) }, "policies", "sums"},
		{"unknown estimator", func(q *Request) { q.Estimators = []string{"ips", "ipw"} }, "estimators[1]", "ipw"},
		{"estimator twice", func(q *Request) { q.Estimators = []string{"dm", "ips", "ips"} }, "estimators[2]", "twice"},
		{"no estimator", func(q *Request) { q.Estimators = nil }, "estimators", "empty"},
		{"lambda out of range", func(q *Request) { q.Estimators = []string{"switch_dr(-1)"} }, "estimators[0]", "-1"},
		{"alpha", func(q *Request) { q.Alpha = 1 }, "alpha", "1"},
		{"alpha that is no number", func(q *Request) { q.Alpha = math.NaN() }, "alpha", "NaN"},
		{"interval", func(q *Request) { q.Interval = "guess" }, "interval", "guess"},
		{"few rounds", func(q *Request) { q.Rounds = 1 }, "rounds", "1 rounds"},
		{"many rounds", func(q *Request) { q.Rounds = 1e6 }, "rounds", "1000000"},
		{"few rounds for alpha", func(q *Request) { q.Interval, q.Alpha = "bootstrap", 1e-4 }, "rounds", "at least 20000 rounds"},
		{"time", func(q *Request) { q.Since, q.Until = now, now }, "until", "not after"},
	} {
		q := NewRequest("shop", Policy{Name: "online"}, Policy{Name: "uniform"})
		c.change(&q)
		_, err := planOf(&q)
		var input *decision.InputError
		if !errors.As(err, &input) || input.Field != c.field || !strings.Contains(input.Problem, c.problem) {
			t.Errorf("%s: %v, want %s: %s", c.name, err, c.field, c.problem)
		}
	}
}

func name(policies []Policy) {
	for i := range policies {
		policies[i].Name = fmt.Sprint("action:", i)
	}
}

func TestGoodRequests(t *testing.T) {
	q := NewRequest("shop", Policy{Name: "action:*"}, Policy{"bolder", shop("squarecb")}, Policy{"shop", shop("uniform")})
	p, err := planOf(&q)
	if err != nil {
		t.Fatal(err)
	}
	if c := p.options.Candidates; len(c) != 3 || c[1].Name != "bolder" || len(p.choices.Specs) != 5 {
		t.Errorf("%+v", p)
	}
	if o := p.choices.Options; o.Alpha != 0.05 || o.Method != ope.Default || o.Bootstrap.Rounds != 1000 || o.Bootstrap.Seed != 12345 {
		t.Errorf("%+v", o)
	}
}
