package eventlog

import (
	"testing"

	"pgregory.net/rapid"

	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// What is read of a record's bytes without decoding them is what decoding gives, and no bytes make it panic.
func TestUserDecisionInAgainstUnmarshal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := func(label string) string { return rapid.StringMatching(`[a-z]{0,4}`).Draw(t, label) }
		r := &logv1.Record{TimeUnixNanos: rapid.Int64().Draw(t, "time")}
		switch rapid.IntRange(0, 4).Draw(t, "what") {
		case 0, 1:
			r.Body = &logv1.Record_Decision{Decision: &logv1.Decision{Loop: word("loop"), EventId: word("event"), UserId: word("user"), SnapshotId: word("snapshot"), Slots: []*logv1.Slot{{Id: word("slot")}}}}
		case 2:
			w := &logv1.Reward{Loop: word("loop"), EventId: word("event"), RewardId: word("reward"), Value: 1}
			if rapid.Bool().Draw(t, "attributed") {
				w.Attribution = &logv1.Attribution{TrackId: word("track")}
			}
			r.Body = &logv1.Record_Reward{Reward: w}
		case 3:
			r.Body = &logv1.Record_Track{Track: &logv1.Track{TrackId: word("track"), UserId: word("user")}}
		default:
			r.Body = &logv1.Record_Admin{Admin: &logv1.Admin{Kind: word("kind")}}
		}
		b, err := Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := UserDecisionIn(b)
		d := r.GetDecision()
		if ok != (d != nil) || ok && (string(got.Loop) != d.GetLoop() || string(got.User) != d.GetUserId() || got.TimeUnixNanos != r.GetTimeUnixNanos()) {
			t.Fatalf("%+v, %t of %v", got, ok, r)
		}
		if Tracked(b) != (r.GetTrack() != nil || r.GetReward().GetAttribution() != nil) {
			t.Fatalf("tracked: %t of %v", Tracked(b), r)
		}
		cut := b[:rapid.IntRange(0, len(b)).Draw(t, "cut")]
		UserDecisionIn(cut)
		Tracked(cut)
	})
}
