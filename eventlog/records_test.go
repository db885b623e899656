package eventlog

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/guardrail"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// finite draws any finite float, of any size and sign.
func finite() *rapid.Generator[float64] {
	return rapid.Map(rapid.Uint64(), func(bits uint64) float64 {
		if x := math.Float64frombits(bits); !math.IsNaN(x) && !math.IsInf(x, 0) {
			return x
		}
		return math.Copysign(0, -1)
	})
}

func drawValue(t *rapid.T) features.Value {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return features.NumberValue(finite().Draw(t, "number"))
	case 1:
		return features.TextValue(rapid.String().Draw(t, "text"))
	case 2:
		return features.FlagValue(rapid.Bool().Draw(t, "flag"))
	case 3:
		return features.NumbersValue(rapid.SliceOfN(finite(), 1, 4).Draw(t, "numbers"))
	case 4:
		return features.TextsValue(rapid.SliceOfN(rapid.String(), 1, 4).Draw(t, "texts"))
	}
	return features.Value{}
}

func drawSet(t *rapid.T) features.Set {
	var fs []features.Feature
	for _, name := range rapid.SliceOfNDistinct(rapid.StringN(1, 8, -1), 0, 4, rapid.ID).Draw(t, "names") {
		fs = append(fs, features.Feature{Name: name, Value: drawValue(t)})
	}
	set, err := features.NewSet(fs)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func drawTexts(t *rapid.T, label string) []string {
	if ss := rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, label); len(ss) > 0 {
		return ss
	}
	return nil
}

// drawDecision draws any decision that may be logged.
func drawDecision(t *rapid.T) *decision.Record {
	text := rapid.String()
	r := &decision.Record{
		Loop:       rapid.StringN(1, 9, -1).Draw(t, "loop"),
		SnapshotID: text.Draw(t, "snapshot"), Fingerprint: rapid.Uint64().Draw(t, "fingerprint"),
		Deferred: rapid.Bool().Draw(t, "deferred"), Slotted: rapid.Bool().Draw(t, "slotted"),
		Input: decision.Input{
			Time:    time.Unix(0, rapid.Int64().Draw(t, "time")).UTC(),
			EventID: rapid.StringN(1, 9, -1).Draw(t, "event"), UserID: text.Draw(t, "user"), Context: drawSet(t), User: drawSet(t),
			FromCatalogue: rapid.Bool().Draw(t, "catalogue"), Excluded: drawTexts(t, "excluded"),
			Degraded: rapid.SampledFrom([]string{"", decision.FallbackFeaturesTimeout, decision.FallbackFeaturesUnavailable}).Draw(t, "fallback"),
		},
		Outcome: decision.Outcome{
			Arm: text.Draw(t, "arm"), Cold: rapid.Bool().Draw(t, "cold"), Policy: text.Draw(t, "policy"),
			Mode: decision.LearningMode(rapid.IntRange(0, 2).Draw(t, "mode")),
		},
	}
	r.Outcome.Fallback = r.Input.Degraded
	if r.Outcome.Fallback == "" {
		r.Outcome.Fallback = rapid.SampledFrom([]string{"", decision.FallbackApprentice, decision.FallbackLoggingOnly}).Draw(t, "outcome fallback")
	}
	for range rapid.IntRange(0, 3).Draw(t, "defaulted") {
		r.Defaulted = append(r.Defaulted, features.Defaulted{Name: text.Draw(t, "name"), Reason: text.Draw(t, "reason")})
	}
	for range rapid.IntRange(1, 5).Draw(t, "actions") {
		a := decision.Action{ID: text.Draw(t, "id")}
		if !r.FromCatalogue {
			a.Features = drawSet(t)
		}
		r.Actions = append(r.Actions, a)
	}
	drawGuards(t, r)
	for range rapid.IntRange(1, 3).Draw(t, "slots") {
		r.Slots = append(r.Slots, decision.SlotSpec{ID: text.Draw(t, "slot"), Excluded: drawTexts(t, "not here"), Baseline: text.Draw(t, "baseline")})
		r.Choices = append(r.Choices, drawChoice(t, len(r.Actions)))
	}
	return r
}

// drawGuards draws what guardrails depend on.
func drawGuards(t *rapid.T, r *decision.Record) {
	for i := range r.Actions {
		if rapid.IntRange(0, 4).Draw(t, "killed") == 0 {
			r.Killed = append(r.Killed, i)
		}
	}
	if rapid.Bool().Draw(t, "zoned") {
		r.Zone = time.FixedZone(rapid.StringN(1, 9, -1).Draw(t, "zone"), rapid.IntRange(-14*3600, 14*3600).Draw(t, "offset"))
		r.ZoneOfUser = rapid.Bool().Draw(t, "zone of user")
	}
	if r.Contacts.Known = rapid.Bool().Draw(t, "known"); r.Contacts.Known {
		r.Contacts.Suppressed, r.Contacts.Truncated = drawTexts(t, "suppressed"), rapid.Bool().Draw(t, "truncated")
		for range rapid.IntRange(0, 3).Draw(t, "contacts") {
			text := rapid.String()
			r.Contacts.Recent = append(r.Contacts.Recent, guardrail.Contact{
				At: time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "at")).UTC(), Event: text.Draw(t, "event"), Loop: text.Draw(t, "loop"),
				Action: text.Draw(t, "action"), Channel: text.Draw(t, "channel"), Tags: drawTexts(t, "tags"), Held: rapid.Bool().Draw(t, "held"),
			})
		}
	}
	if rapid.Bool().Draw(t, "spends") {
		r.Spent = []float64{finite().Draw(t, "spent"), finite().Draw(t, "spent")}
	}
}

func drawChoice(t *rapid.T, actions int) decision.Choice {
	c := decision.Choice{
		Warnings:        drawTexts(t, "warnings"),
		Reached:         decision.Reached{Counts: rapid.Bool().Draw(t, "reached"), Channel: rapid.String().Draw(t, "channel"), Tags: drawTexts(t, "tags")},
		Draw:            rapid.Float64Range(0, 1-0x1p-53).Draw(t, "draw"),
		WouldHaveChosen: rapid.IntRange(-1, actions-1).Draw(t, "would have chosen"),
	}
	weights := rapid.SliceOfN(rapid.Float64Range(0, 1), actions, actions).Draw(t, "weights")
	eligible := rapid.IntRange(0, actions).Draw(t, "eligible")
	sum := 0.0
	for _, w := range weights[:eligible] {
		sum += w + 1e-3
	}
	for i := range actions {
		if i < eligible {
			c.Ranking = append(c.Ranking, decision.Ranked{Action: i, Probability: (weights[i] + 1e-3) / sum, Score: finite().Draw(t, "score")})
		} else {
			c.Excluded = append(c.Excluded, decision.Exclusion{Action: i, Reason: rapid.String().Draw(t, "why")})
		}
	}
	return c
}

// A decision comes back from its stored bytes as it was, every float to the bit.
func TestDecisionsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawDecision(t)
		b, err := Marshal(FromDecision(want))
		if err != nil {
			t.Fatal(err)
		}
		stored, err := Unmarshal(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ToDecision(stored)
		if err != nil {
			t.Fatal(err)
		}
		bits := cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
		zones := cmp.Comparer(func(a, b *time.Location) bool {
			if a == nil || b == nil {
				return a == b
			}
			_, offset := want.Time.In(a).Zone()
			_, same := want.Time.In(b).Zone()
			return a.String() == b.String() && offset == same
		})
		if diff := cmp.Diff(want, got, bits, zones, cmp.Comparer(features.Value.Equal)); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(stored, FromDecision(got), protocmp.Transform(), bits); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestImpossibleDecisionsAreRefused(t *testing.T) {
	cases := map[string]func(r *decision.Record){
		"no loop":               func(r *decision.Record) { r.Loop = "" },
		"no event":              func(r *decision.Record) { r.EventID = "" },
		"no choice":             func(r *decision.Record) { r.Choices = nil },
		"empty ranking":         func(r *decision.Record) { r.Choices[0].Ranking = nil },
		"NaN probability":       func(r *decision.Record) { r.Choices[0].Ranking[1].Probability = math.NaN() },
		"negative probability":  func(r *decision.Record) { r.Choices[0].Ranking[1].Probability *= -1 },
		"sum too large":         func(r *decision.Record) { r.Choices[0].Ranking[1].Probability += 2e-9 },
		"sum too small":         func(r *decision.Record) { r.Choices[0].Ranking[1].Probability -= 2e-9 },
		"infinite score":        func(r *decision.Record) { r.Choices[0].Ranking[1].Score = math.Inf(1) },
		"NaN score":             func(r *decision.Record) { r.Choices[0].Ranking[1].Score = math.NaN() },
		"draw of 1":             func(r *decision.Record) { r.Choices[0].Draw = 1 },
		"NaN draw":              func(r *decision.Record) { r.Choices[0].Draw = math.NaN() },
		"action out of range":   func(r *decision.Record) { r.Choices[0].Ranking[0].Action = 8 },
		"NaN context":           func(r *decision.Record) { r.Context[0].Value = features.NumberValue(math.NaN()) },
		"infinite user feature": func(r *decision.Record) { r.User[0].Value = features.NumbersValue([]float64{1, math.Inf(-1)}) },
		"NaN action feature": func(r *decision.Record) {
			r.Actions[3].Features = features.Set{{Name: "x", Value: features.NumberValue(math.NaN())}}
		},
		"excluded out of range":   func(r *decision.Record) { r.Choices[0].Excluded = []decision.Exclusion{{Action: -1}} },
		"would be choice unknown": func(r *decision.Record) { r.Choices[0].WouldHaveChosen = 8 },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			r := sampleDecision(rand.New(rand.NewPCG(1, 1)), 0)
			if err := CheckDecision(r); err != nil {
				t.Fatalf("the sample itself: %v", err)
			}
			spoil(r)
			if err := CheckDecision(r); !errors.Is(err, ErrInvalidRecord) {
				t.Fatalf("CheckDecision = %v, want ErrInvalidRecord", err)
			}
		})
	}
	r := sampleDecision(rand.New(rand.NewPCG(1, 1)), 0)
	r.Choices[0].Ranking[1].Probability += 5e-10
	if err := CheckDecision(r); err != nil {
		t.Fatalf("a sum off by 5e-10: %v", err)
	}
}

func TestToDecisionRefusesWhatItDidNotWrite(t *testing.T) {
	cases := map[string]func(d *logv1.Decision){
		"mode":          func(d *logv1.Decision) { d.LearningMode = "offline" },
		"short list":    func(d *logv1.Decision) { d.Slots[0].Score = d.Slots[0].Score[1:] },
		"index":         func(d *logv1.Decision) { d.Slots[0].Action[0] = 1 << 31 },
		"would be":      func(d *logv1.Decision) { d.Slots[0].WouldHaveChosen = 1 << 31 },
		"no slot":       func(d *logv1.Decision) { d.Slots[0].Action, d.Slots[0].Probability, d.Slots[0].Score = nil, nil, nil },
		"probabilities": func(d *logv1.Decision) { d.Slots[0].Probability[0] = 2 },
	}
	for name, spoil := range cases {
		stored := FromDecision(sampleDecision(rand.New(rand.NewPCG(1, 1)), 0))
		spoil(stored.GetDecision())
		if _, err := ToDecision(stored); !errors.Is(err, ErrInvalidRecord) {
			t.Fatalf("%s: ToDecision = %v, want ErrInvalidRecord", name, err)
		}
	}
	if _, err := ToDecision(&logv1.Record{}); !errors.Is(err, ErrInvalidRecord) {
		t.Fatalf("no body: %v", err)
	}
	if _, err := Unmarshal([]byte{0xff}); !errors.Is(err, ErrInvalidRecord) {
		t.Fatalf("no record: %v", err)
	}
}

// eventIn, which reads only what it needs, agrees with decoding the whole record.
func TestEventInAgreesWithDecoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loop, id := rapid.String().Draw(t, "loop"), rapid.String().Draw(t, "id")
		r := &logv1.Record{TimeUnixNanos: rapid.Int64().Draw(t, "time")}
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			r = FromDecision(drawDecision(t))
		case 1:
			r.Body = &logv1.Record_Activation{Activation: &logv1.Activation{Loop: loop, EventId: id}}
		case 2:
			r.Body = &logv1.Record_Reward{Reward: &logv1.Reward{Loop: loop, EventId: id, RewardId: rapid.String().Draw(t, "reward"), Value: 1}}
		case 3:
			r.Body = &logv1.Record_LoopChange{LoopChange: &logv1.LoopChange{Loop: loop, File: []byte(id)}}
		case 4:
			r.Body = &logv1.Record_Cut{Cut: &logv1.Cut{Loop: loop, Number: 3}}
		case 5:
			r.Body = &logv1.Record_Publish{Publish: &logv1.Publish{Loop: loop, Number: 3, SnapshotId: id}}
		}
		b, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		wantLoop, wantID, wantOK := eventOf(r)
		gotLoop, gotID, ok := eventIn(b)
		if ok != wantOK || string(gotLoop) != wantLoop || string(gotID) != wantID {
			t.Fatalf("eventIn = %q, %q, %v, want %q, %q, %v", gotLoop, gotID, ok, wantLoop, wantID, wantOK)
		}
	})
}

// FuzzEventIn reads any bytes; for those that are a record it agrees with decoding it.
func FuzzEventIn(f *testing.F) {
	for _, b := range goldenRecords(f)[:3] {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { _, _, _ = eventIn(b) })
}
