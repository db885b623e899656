package evaluate

// Counts says what was read and what became of it. Decisions is the sum of Evaluated and of what was left out.
type Counts struct {
	Records   uint64 `json:"records"`   // of the log, of all loops
	Decisions uint64 `json:"decisions"` // of the loop

	Evaluated    uint64 `json:"evaluated"`     // decisions that gave samples
	Open         uint64 `json:"open"`          // their window has not ended yet
	NotActivated uint64 `json:"not_activated"` // deferred, and never activated within the window
	Outside      uint64 `json:"outside"`       // of the time span asked for
	// NoSnapshot counts those that no model was made for: the cut that they were decided from is not in the log, or too
	// long ago.
	NoSnapshot uint64            `json:"no_snapshot"`
	Fallbacks  map[string]uint64 `json:"fallbacks"` // not the policy's own choice, by reason
	Skipped    map[string]uint64 `json:"skipped"`   // that the learner skips too, by reason

	// SkippedRecords counts records of the loop that are no decisions and were skipped, by reason.
	SkippedRecords map[string]uint64 `json:"skipped_records"`
	Damaged        uint64            `json:"damaged"` // places of the log that could not be read
	// Refused counts models of candidates that were not fit to be served: the one before went on.
	Refused uint64 `json:"refused_models"`
	// BeginsAt is the position of the first record: beyond 1, models know nothing of what retention has taken.
	BeginsAt uint64 `json:"begins_at"`

	Candidates []CandidateCounts `json:"candidates"` // in the order of the candidates
}

// CandidateCounts says where a candidate could not do what it is for.
type CandidateCounts struct {
	Name string `json:"name"`
	// StoodIn counts the slots in which another rule had to stand in: the baseline where an action was not eligible; all
	// eligible actions where a loop file had none of them.
	StoodIn uint64 `json:"stood_in"`
	// Unmet names the actions of a loop file's catalogue that were eligible in no decision that was judged: the log cannot say
	// what they would have earned, and the candidate was judged without them.
	Unmet []string `json:"unmet_actions"`
}

func newCounts(candidates []Candidate) Counts {
	c := Counts{Fallbacks: map[string]uint64{}, Skipped: map[string]uint64{}, SkippedRecords: map[string]uint64{}}
	for i := range candidates {
		c.Candidates = append(c.Candidates, CandidateCounts{Name: candidates[i].Name, Unmet: []string{}})
	}
	return c
}
