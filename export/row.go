package export

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/learn"
)

// Row is one slot of one decision. Its tags are the columns' names; docs/log-export.md says what they mean. Times are
// in UTC, cut to microseconds.
type Row struct {
	EventID         string          `parquet:"event_id" json:"event_id"`
	Position        int32           `parquet:"position" json:"position"`
	Slot            string          `parquet:"slot,dict" json:"slot"`
	Time            time.Time       `parquet:"time,timestamp(microsecond)" json:"time"`
	LogPosition     int64           `parquet:"log_position,delta" json:"log_position"`
	UserID          string          `parquet:"user_id" json:"user_id"`
	Unit            int64           `parquet:"unit" json:"unit"`
	SnapshotID      string          `parquet:"snapshot_id,dict" json:"snapshot_id"`
	Arm             string          `parquet:"arm,dict" json:"arm"`
	Policy          string          `parquet:"policy,dict" json:"policy"`
	LearningMode    string          `parquet:"learning_mode,dict" json:"learning_mode"`
	Action          string          `parquet:"action,dict" json:"action"`
	Pscore          float64         `parquet:"pscore" json:"pscore"`
	Reward          *float64        `parquet:"reward,optional" json:"reward"`
	RewardSoFar     float64         `parquet:"reward_so_far" json:"reward_so_far"`
	Rewarded        bool            `parquet:"rewarded" json:"rewarded"`
	RewardState     string          `parquet:"reward_state,dict" json:"reward_state"`
	Closes          time.Time       `parquet:"closes,timestamp(microsecond)" json:"closes"`
	Deferred        bool            `parquet:"deferred" json:"deferred"`
	Activated       bool            `parquet:"activated" json:"activated"`
	Actions         []string        `parquet:"actions,list" json:"actions" parquet-element:",dict"`
	Probabilities   []float64       `parquet:"probabilities,list" json:"probabilities"`
	Scores          []float64       `parquet:"scores,list" json:"scores"`
	ExcludedActions []string        `parquet:"excluded_actions,list" json:"excluded_actions" parquet-element:",dict"`
	ExcludedReasons []string        `parquet:"excluded_reasons,list" json:"excluded_reasons" parquet-element:",dict"`
	WouldHaveChosen string          `parquet:"would_have_chosen,dict" json:"would_have_chosen"`
	Draw            float64         `parquet:"draw" json:"draw"`
	Fallback        string          `parquet:"fallback,dict" json:"fallback"`
	Cold            bool            `parquet:"cold" json:"cold"`
	Context         json.RawMessage `parquet:"context,string" json:"context"`
	UserFeatures    json.RawMessage `parquet:"user_features,string" json:"user_features"`
	Kept            float64         `parquet:"kept" json:"kept"`
}

// size is about how many bytes the row takes before compression.
func (r *Row) size() int64 {
	n := 256 + len(r.EventID) + len(r.UserID) + len(r.Context) + len(r.UserFeatures)
	for _, id := range r.Actions {
		n += len(id) + 3*8
	}
	for i := range r.ExcludedActions {
		n += len(r.ExcludedActions[i]) + len(r.ExcludedReasons[i])
	}
	return int64(n)
}

// rowsOf appends the rows of a decision that stands at pos and was settled with s. Slices of the rows are their own.
func rowsOf(dst []Row, d *decision.Record, pos eventlog.Position, s *learn.Settled, userKey []byte) ([]Row, error) {
	context, err := featuresJSON(d.Context)
	if err != nil {
		return dst, err
	}
	user, err := featuresJSON(d.User)
	if err != nil {
		return dst, err
	}
	id := exportedUser(d.UserID, userKey)
	for i := range d.Choices {
		r := Row{
			EventID: d.EventID, Position: int32(i), Slot: d.Slots[i].ID, Time: micros(d.Time), LogPosition: int64(pos),
			UserID: id, Unit: unitOf(d, id), SnapshotID: d.SnapshotID, Arm: d.Arm, Policy: d.Policy,
			LearningMode: d.Mode.String(), RewardState: s.State.String(), Closes: micros(s.Closes),
			Deferred: d.Deferred, Activated: s.Activated, Fallback: d.Fallback, Cold: d.Cold,
			Context: context, UserFeatures: user, Kept: 1,
		}
		r.choose(d, &d.Choices[i])
		r.worth(s, i)
		dst = append(dst, r)
	}
	return dst, nil
}

// choose fills in what the slot was filled with, out of what.
func (r *Row) choose(d *decision.Record, c *decision.Choice) {
	r.Action, r.Draw = d.ActionID(c.Served()), c.Draw
	if c.Filled() {
		r.Pscore = c.Ranking[0].Probability
	}
	r.Actions = make([]string, len(c.Ranking))
	r.Probabilities = make([]float64, len(c.Ranking))
	r.Scores = make([]float64, len(c.Ranking))
	for i, k := range c.Ranking {
		r.Actions[i], r.Probabilities[i], r.Scores[i] = d.Actions[k.Action].ID, k.Probability, k.Score
	}
	r.ExcludedActions = make([]string, len(c.Excluded))
	r.ExcludedReasons = make([]string, len(c.Excluded))
	for i, x := range c.Excluded {
		r.ExcludedActions[i], r.ExcludedReasons[i] = d.Actions[x.Action].ID, x.Reason
	}
	if c.WouldHaveChosen >= 0 {
		r.WouldHaveChosen = d.Actions[c.WouldHaveChosen].ID
	}
}

// worth fills in the reward: a final one only, so that an average over the column is not biased towards the default by
// events that are still open or were never shown.
func (r *Row) worth(s *learn.Settled, slot int) {
	w := s.Slots[slot]
	r.RewardSoFar, r.Rewarded = w.Reward, w.Rewarded
	if s.Ended && s.State != learn.StateNotActivated {
		r.Reward = &w.Reward
	}
}

func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// exportedUser is the user's id, or with a key its HMAC-SHA-256 (RFC 2104) cut to 128 bits, in hexadecimal. Nobody
// stays nobody.
func exportedUser(id string, key []byte) string {
	if len(key) == 0 || id == "" {
		return id
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// unitOf numbers what is independent of other rows: the user as exported, or the event of nobody. 63 bits, as not all
// readers have unsigned numbers.
func unitOf(d *decision.Record, exported string) int64 {
	if exported == "" {
		return int64(xxhash.Sum64String("event\x00"+d.EventID) & math.MaxInt64)
	}
	return int64(xxhash.Sum64String(exported) & math.MaxInt64)
}

// featuresJSON is a set as one JSON object, members in the order of the set, values by their kind.
func featuresJSON(set features.Set) (json.RawMessage, error) {
	b := []byte{'{'}
	for i := range set {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(set[i].Name)
		if err != nil {
			return nil, err
		}
		b = append(append(b, name...), ':')
		switch v := set[i].Value; v.Kind() {
		case features.Text:
			text, err := json.Marshal(v.Text())
			if err != nil {
				return nil, err
			}
			b = append(b, text...)
		case features.Missing:
			b = append(b, "null"...)
		default: // Numbers, flags and lists are stored as JSON has them.
			b = append(b, features.FormatValue(v)...)
		}
	}
	return append(b, '}'), nil
}
