package learn

import (
	"net/netip"
	"regexp"
	"slices"
	"time"
)

// MachineRule says of some reports that a machine made them: an open that a mail client's proxy fetched, a click of a
// security gateway. It applies where everything that it names does; a report is a machine's where any rule applies.
type MachineRule struct {
	Metrics []string // of these; empty: of every metric
	// Within is how soon after the sending, at most; reports from before it are as soon as can be. Negative: whenever.
	Within   time.Duration
	Agents   []*regexp.Regexp // any of these matches the user agent,
	Known    bool             // or it is one of KnownAgents
	Networks []netip.Prefix   // any of these holds the address
}

// AnyTime is the MachineRule.Within of rules that do not ask for the time.
const AnyTime time.Duration = -1

// AddressKept says what of a report's address is stored.
type AddressKept uint8

// What there is to keep. Networks are /24 of IPv4 and /48 of IPv6.
const (
	KeepNetwork AddressKept = iota
	KeepNoAddress
	KeepAddress
)

// Bits of the networks that KeepNetwork keeps.
const (
	NetworkBits4 = 24
	NetworkBits6 = 48
)

// Keep returns what is to be stored of an address, as text; "" is nothing.
func (k AddressKept) Keep(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	switch {
	case !ip.IsValid() || k == KeepNoAddress:
		return ""
	case k == KeepAddress:
		return ip.String()
	case ip.Is4():
		return netip.PrefixFrom(ip, NetworkBits4).Masked().Addr().String()
	}
	return netip.PrefixFrom(ip, NetworkBits6).Masked().Addr().String()
}

// origin is what a report says about what made it.
type origin struct {
	agent   string
	ip      string // as stored: it may be a network's
	machine bool   // the sender's own word
}

// machine reports whether a machine made a report of a metric, so long after the sending.
func (s *RewardSpec) machine(metric uint16, delay time.Duration, o origin) bool {
	if o.machine || len(s.Machine) == 0 {
		return o.machine
	}
	name := ""
	if len(s.Metrics) > 0 {
		name = s.Metrics[metric].Name
	}
	ip, _ := netip.ParseAddr(o.ip)
	return slices.ContainsFunc(s.Machine, func(r MachineRule) bool { return r.applies(name, delay, o.agent, ip) })
}

func (r *MachineRule) applies(metric string, delay time.Duration, agent string, ip netip.Addr) bool {
	switch {
	case len(r.Metrics) > 0 && !slices.Contains(r.Metrics, metric):
		return false
	case r.Within >= 0 && delay > r.Within:
		return false
	case (len(r.Agents) > 0 || r.Known) && !r.madeBy(agent):
		return false
	case len(r.Networks) > 0 && !slices.ContainsFunc(r.Networks, func(p netip.Prefix) bool { return p.Contains(ip) }):
		return false
	}
	return true
}

// madeBy reports whether the rule names the user agent. Where none was given it is not known to be anything.
func (r *MachineRule) madeBy(agent string) bool {
	if agent == "" {
		return false
	}
	return r.Known && knownAgent(agent) ||
		slices.ContainsFunc(r.Agents, func(p *regexp.Regexp) bool { return p.MatchString(agent) })
}
