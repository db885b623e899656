package evaluate

import (
	"strings"
	"testing"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/learn"
)

// A file of send times cannot be a candidate: its model would stay as it began, and its value be another policy's.
func TestFilesOfSendTimesAreRefused(t *testing.T) {
	sends := &decision.Loop{Name: "news", Send: &decision.SendSpec{}}
	for _, tc := range []struct{ file, loop *decision.Loop }{{sends, sends}, {sends, &decision.Loop{}}, {&decision.Loop{}, sends}} {
		_, err := expanded([]Candidate{LoopFile("candidate.yaml", &learn.Definition{Loop: tc.file})}, tc.loop)
		if err == nil || !strings.Contains(err.Error(), "candidate.yaml") {
			t.Errorf("%v", err)
		}
	}
	if _, err := expanded([]Candidate{Online(), Uniform(), Baseline(), Action(decision.DoNotSend)}, sends); err != nil {
		t.Error(err)
	}
}
