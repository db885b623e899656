package loop

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
)

// learningKey hashes what the fold of the log depends on, and nothing else:
//
//   - the estimator;
//   - the declared features with their types, lengths and defaults, and what becomes of undeclared ones: they say how a
//     logged decision is encoded (defaults are put in when learning, since the log holds what was there);
//   - whether slots are seen with their position, and which of them are learned from;
//   - the reward: window, default, aggregation, metrics, range and what machines do say what an event is worth.
//
// Left out, because a record of the log already holds their effect: policy (but for the estimator that it asks for), floor and salt (the probabilities), the
// learning mode (whether the decision is learned from), freshness (a stale value was logged as missing), durability and
// fallback. Left out as well: the catalogue. A decision is encoded, when it is folded, with the catalogue that is in
// force then, and the log holds the changes of loop files in order: a price that changes today must not change what was
// learned at the old one, and a new action must not cost a fold of everything.
func learningKey(d *learn.Definition) string {
	b := appendText(nil, "learning/1")
	b = appendText(b, estimatorOf(d.Loop).name)
	s := &d.Loop.Schema
	for _, part := range [][]features.Field{s.Context, s.User, s.Action} {
		b = appendFields(b, part)
	}
	b = append(b, byte(s.Undeclared))
	b = appendReward(b, &d.Reward)
	if d.Loop.Position || d.Reward.Model != learn.Independent {
		b = appendText(b, "slots")
		b = append(b, flagByte(d.Loop.Position), byte(d.Reward.Model))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func appendFields(b []byte, fields []features.Field) []byte {
	b = binary.AppendUvarint(b, uint64(len(fields)))
	for i := range fields {
		f := &fields[i]
		b = appendText(b, f.Name)
		b = append(b, byte(f.Type))
		b = binary.AppendUvarint(b, uint64(f.Dim))
		b = appendValue(b, f.Default)
	}
	return b
}

func appendValue(b []byte, v features.Value) []byte {
	b = append(b, byte(v.Kind()))
	b = appendNumber(b, v.Number())
	b = appendText(b, v.Text())
	b = binary.AppendUvarint(b, uint64(len(v.Numbers())))
	for _, x := range v.Numbers() {
		b = appendNumber(b, x)
	}
	b = binary.AppendUvarint(b, uint64(len(v.Texts())))
	for _, s := range v.Texts() {
		b = appendText(b, s)
	}
	return b
}

func appendReward(b []byte, r *learn.RewardSpec) []byte {
	b = binary.AppendVarint(b, int64(r.Window))
	b = appendNumber(b, r.Default)
	b = append(b, byte(r.Aggregation))
	b = appendNumber(b, r.Min)
	b = appendNumber(b, r.Max)
	b = binary.AppendUvarint(b, uint64(len(r.Metrics)))
	for _, m := range r.Metrics {
		b = appendText(b, m.Name)
		b = appendNumber(b, m.Weight)
	}
	return appendMachine(b, r.Machine)
}

// appendMachine adds nothing where there are no rules, as before there were any.
func appendMachine(b []byte, rules []learn.MachineRule) []byte {
	for i := range rules {
		r := &rules[i]
		b = appendText(b, "machine")
		b = appendTexts(b, r.Metrics)
		b = binary.AppendVarint(b, int64(r.Within))
		b = binary.AppendUvarint(b, uint64(len(r.Agents)))
		for _, p := range r.Agents {
			b = appendText(b, p.String())
		}
		known := ""
		if r.Known {
			known = learn.KnownAgentsVersion
		}
		b = appendText(b, known)
		b = binary.AppendUvarint(b, uint64(len(r.Networks)))
		for _, p := range r.Networks {
			b = appendText(b, p.String())
		}
	}
	return b
}

func appendTexts(b []byte, ss []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(ss)))
	for _, s := range ss {
		b = appendText(b, s)
	}
	return b
}

func flagByte(x bool) byte {
	if x {
		return 1
	}
	return 0
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendNumber(b []byte, x float64) []byte {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(x))
}
