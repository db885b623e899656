package loop

import (
	"net/netip"
	"regexp"
	"slices"

	"github.com/nextbest/nextbest/learn"
)

// machineRules returns what a loop says about machines.
func (c *compiler) machineRules(n *node, r *learn.RewardSpec) []learn.MachineRule {
	var rules []learn.MachineRule
	for i, rule := range n.items {
		rules = append(rules, c.machineRule(rule, item("reward.machine", i), r))
	}
	return rules
}

func (c *compiler) machineRule(n *node, path string, spec *learn.RewardSpec) learn.MachineRule {
	r := learn.MachineRule{
		Metrics: n.key("metrics").texts(), Within: learn.AnyTime,
		Agents: c.agents(n.key("user_agents"), path), Known: n.key("known").flag,
		Networks: c.networks(n.key("networks"), path, spec.Address),
	}
	if within := n.key("within"); within.form == text {
		r.Within = within.duration()
	}
	for i, m := range n.key("metrics").items {
		if !slices.ContainsFunc(spec.Metrics, func(known learn.Metric) bool { return known.Name == m.text }) && m.form == text {
			c.addf(m.at, "%s: %q is not one of reward.metrics: declare it there", item(path+".metrics", i), m.text)
		}
	}
	if len(n.failed) == 0 && r.Within == learn.AnyTime && !r.Known && len(n.key("user_agents").items) == 0 && len(n.key("networks").items) == 0 {
		c.addf(n.at, "%s: says nothing of what machines do: give it within, user_agents, known: true or networks", path)
	}
	return r
}

func (c *compiler) agents(n *node, path string) []*regexp.Regexp {
	var patterns []*regexp.Regexp
	for i, t := range n.items {
		p, err := regexp.Compile("(?i)" + t.text)
		if err != nil {
			c.addf(t.at, "%s: %v", item(path+".user_agents", i), err)
			continue
		}
		patterns = append(patterns, p)
	}
	return patterns
}

// networks refuses those that could not be told from others by what is stored of an address.
func (c *compiler) networks(n *node, path string, kept learn.AddressKept) []netip.Prefix {
	var networks []netip.Prefix
	for i, t := range n.items {
		place := item(path+".networks", i)
		p, err := netip.ParsePrefix(t.text)
		switch {
		case err != nil:
			c.addf(t.at, "%s: expected a network as in 192.0.2.0/24 or 2001:db8::/32, got text (%s)", place, t.text)
			continue
		case p.Masked() != p:
			c.addf(t.at, "%s: %s is an address within %s: write that", place, p, p.Masked())
		case p.Addr().Is4In6():
			c.addf(t.at, "%s: write IPv4 networks as such, without ::ffff:", place)
		case kept == learn.KeepNoAddress:
			c.addf(t.at, "%s: with reward.ip: drop no address is stored, so no network is known: change one of them", place)
		case kept == learn.KeepNetwork && p.Bits() > bitsKept(p):
			c.addf(t.at, "%s: %s is less than the /%d that is stored of an address: set reward.ip: full, or name a larger network", place, p, bitsKept(p))
		}
		networks = append(networks, p)
	}
	return networks
}

func bitsKept(p netip.Prefix) int {
	if p.Addr().Is4() {
		return learn.NetworkBits4
	}
	return learn.NetworkBits6
}
