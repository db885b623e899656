package server

import (
	"net/netip"

	"github.com/nextbest/nextbest/learn"
)

// addressOf returns what the loop stores of an address that a report came from.
func addressOf(ip string, spec *learn.RewardSpec) (string, error) {
	if ip == "" {
		return "", nil
	}
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return "", invalid("ip", "is not an IP address")
	}
	return spec.Address.Keep(a), nil
}
