package learn

import (
	"bufio"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/eventlog"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// TestMachineCases reads testdata/machine.txt.
func TestMachineCases(t *testing.T) {
	f := must(os.Open("testdata/machine.txt"))
	defer f.Close()
	spec := &RewardSpec{Metrics: []Metric{{"click", 1}, {"open", 0.1}}}
	cases := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		rules, isRules := strings.CutPrefix(line, "rules")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case isRules:
			spec.Machine = rulesIn(rules)
		default:
			cases++
			told, want, _ := strings.Cut(line, "->")
			field := strings.SplitN(told, "|", 5)
			for i := range field {
				field[i] = strings.TrimSpace(field[i])
			}
			metric, _ := spec.metric(field[0])
			o := origin{agent: field[4], ip: field[2], machine: field[3] == "said"}
			got := "person"
			if spec.machine(metric, must(time.ParseDuration(field[1])), o) {
				got = "machine"
			}
			if got != strings.TrimSpace(want) {
				t.Errorf("%+v: %s\n is a %s's", spec.Machine, line, got)
			}
		}
	}
	if cases < 40 {
		t.Fatalf("only %d cases", cases)
	}
}

func rulesIn(text string) (rules []MachineRule) {
	for part := range strings.SplitSeq(text, ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		r := MachineRule{Within: AnyTime}
		for _, word := range strings.Fields(part) {
			name, value, _ := strings.Cut(word, "=")
			switch name {
			case "known":
				r.Known = true
			case "within":
				r.Within = must(time.ParseDuration(value))
			case "metrics":
				r.Metrics = strings.Split(value, ",")
			case "agents":
				for p := range strings.SplitSeq(value, ",") {
					r.Agents = append(r.Agents, regexp.MustCompile("(?i)"+p))
				}
			case "networks":
				for p := range strings.SplitSeq(value, ",") {
					r.Networks = append(r.Networks, netip.MustParsePrefix(p))
				}
			default:
				panic(name)
			}
		}
		rules = append(rules, r)
	}
	return rules
}

func TestAddressKept(t *testing.T) {
	for _, c := range []struct {
		kept     AddressKept
		ip, want string
	}{
		{KeepNetwork, "192.0.2.77", "192.0.2.0"},
		{KeepNetwork, "::ffff:192.0.2.77", "192.0.2.0"},
		{KeepNetwork, "2001:db8:1:2::3", "2001:db8:1::"},
		{KeepNetwork, "fe80::1%eth0", "fe80::"},
		{KeepAddress, "192.0.2.77", "192.0.2.77"},
		{KeepAddress, "2001:db8:1:2::3", "2001:db8:1:2::3"},
		{KeepNoAddress, "192.0.2.77", ""},
	} {
		if got := c.kept.Keep(netip.MustParseAddr(c.ip)); got != c.want {
			t.Errorf("of %s is kept %q, want %q", c.ip, got, c.want)
		}
	}
	if got := KeepAddress.Keep(netip.Addr{}); got != "" {
		t.Errorf("of no address is kept %q", got)
	}
}

// TestMachinesAreNotLearnedFrom has a machine open an event whose default is not what the open is worth, again later, and
// more often than an event remembers.
func TestMachinesAreNotLearnedFrom(t *testing.T) {
	f := shop()
	f.Default, f.Haste = -1, time.Second
	def := must(compileFile("shop", f.bytes()))
	l := newLoopFold(def)
	now := 1_000_000 * second
	report := func(pos eventlog.Position, at_ int64, id string, value float64) {
		l.apply(pos, at(at_, "shop", &logv1.Reward{EventId: "e", RewardId: id, Value: value}))
	}
	l.apply(1, decided(now, "shop", "e", nil, "a"))
	report(2, now+second, "r", 1)
	report(3, now+5*second, "r", 1) // Sent again: without the caller's time it is no longer hasty, and still the same.
	report(4, now+5*second, "r", 2)
	for i := range 2 * maxMachines {
		report(eventlog.Position(5+i), now, "m"+string(rune('0'+i)), 1)
	}
	if got := l.counts.rewards; got[Machine] != 1+2*maxMachines || got[Duplicate] != 1 || got[Conflict] != 1 || got[Joined] != 0 {
		t.Fatalf("%v", got)
	}
	e := l.open["e"]
	if worth, rewarded := def.Reward.worth(e.rewards, 0); worth != -1 || rewarded || len(e.machines) != maxMachines {
		t.Errorf("worth %v, rewarded %t, %d remembered", worth, rewarded, len(e.machines))
	}
	report(1000, now+6*second, "person", 1)
	if worth, rewarded := def.Reward.worth(e.rewards, 0); worth != 1 || !rewarded {
		t.Errorf("with a person's: worth %v, rewarded %t", worth, rewarded)
	}
}

// TestEmailWeights: an open, a click and an unsubscribe of weights 0.1, 1 and -5, each reported as 1 within a range of 0 to
// 1, which is of what is reported and not of what it weighs.
func TestEmailWeights(t *testing.T) {
	spec := &RewardSpec{
		Window: time.Hour, Max: 1,
		Metrics: []Metric{{"click", 1}, {"open", 0.1}, {"unsubscribe", -5}},
	}
	e := &event{learned: true, slots: make([]slot, 1)}
	for _, c := range []struct {
		metric string
		value  float64
		want   Outcome
		worth  float64
	}{
		{"open", 1, Joined, 0.1},
		{"unsubscribe", -1, OutOfRange, 0.1},
		{"click", 1, Joined, 1.1},
		{"unsubscribe", 1, Joined, 0.1 + 1 - 5},
		{"unsubscribe", 1, Joined, 0.1 + 1 - 5}, // Earliest: once is all.
	} {
		got := e.accept(spec, 1, claim{id: c.metric + string(rune('0'+len(e.rewards))), metric: c.metric, value: c.value, at: int64(len(e.rewards))})
		if worth, _ := spec.worth(e.rewards, 0); got != c.want || worth < c.worth-1e-12 || worth > c.worth+1e-12 {
			t.Errorf("%s %v: %v, worth %v, want %v, %v", c.metric, c.value, got, worth, c.want, c.worth)
		}
	}
}
