package export

import "strconv"

// csvColumn is a column of the CSV form.
type csvColumn struct {
	name string
	cell func(*Row) string
}

// csvColumns are all columns, in the order of Row's fields.
func csvColumns() []csvColumn {
	return []csvColumn{
		{"event_id", func(r *Row) string { return r.EventID }},
		{"position", func(r *Row) string { return strconv.Itoa(int(r.Position)) }},
		{"slot", func(r *Row) string { return r.Slot }},
		{"time", func(r *Row) string { return moment(r.Time) }},
		{"log_position", func(r *Row) string { return strconv.FormatInt(r.LogPosition, 10) }},
		{"user_id", func(r *Row) string { return r.UserID }},
		{"unit", func(r *Row) string { return strconv.FormatInt(r.Unit, 10) }},
		{"snapshot_id", func(r *Row) string { return r.SnapshotID }},
		{"arm", func(r *Row) string { return r.Arm }},
		{"policy", func(r *Row) string { return r.Policy }},
		{"learning_mode", func(r *Row) string { return r.LearningMode }},
		{"action", func(r *Row) string { return r.Action }},
		{"pscore", func(r *Row) string { return number(r.Pscore) }},
		{"reward", func(r *Row) string { return optional(r.Reward) }},
		{"reward_so_far", func(r *Row) string { return number(r.RewardSoFar) }},
		{"rewarded", func(r *Row) string { return strconv.FormatBool(r.Rewarded) }},
		{"reward_state", func(r *Row) string { return r.RewardState }},
		{"closes", func(r *Row) string { return moment(r.Closes) }},
		{"deferred", func(r *Row) string { return strconv.FormatBool(r.Deferred) }},
		{"activated", func(r *Row) string { return strconv.FormatBool(r.Activated) }},
		{"actions", func(r *Row) string { return list(r.Actions) }},
		{"probabilities", func(r *Row) string { return list(r.Probabilities) }},
		{"scores", func(r *Row) string { return list(r.Scores) }},
		{"excluded_actions", func(r *Row) string { return list(r.ExcludedActions) }},
		{"excluded_reasons", func(r *Row) string { return list(r.ExcludedReasons) }},
		{"would_have_chosen", func(r *Row) string { return r.WouldHaveChosen }},
		{"draw", func(r *Row) string { return number(r.Draw) }},
		{"fallback", func(r *Row) string { return r.Fallback }},
		{"cold", func(r *Row) string { return strconv.FormatBool(r.Cold) }},
		{"context", func(r *Row) string { return string(r.Context) }},
		{"user_features", func(r *Row) string { return string(r.UserFeatures) }},
		{"kept", func(r *Row) string { return number(r.Kept) }},
	}
}
