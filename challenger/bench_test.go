package challenger

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/loop"
)

// BenchmarkRank decides while nothing is followed, and while two challengers that learn otherwise are followed through a log
// that is read again and again.
func BenchmarkRank(b *testing.B) {
	for _, name := range []string{"alone", "beside"} {
		b.Run(name, func(b *testing.B) {
			s := newService(b, filled(greedy, manual))
			if name == "beside" {
				s.challenge("even", filled(uniform, manual))
				s.challenge("bag", filled("bagging", manual))
			}
			s.play(3000, nil)
			if name == "beside" {
				s.manager.Close()
				s.manager = Start(s.learner, s.events, Options{Dir: filepath.Join(s.dir, loop.ChallengerFolder), Now: s.now})
			}
			stop := make(chan struct{})
			defer close(stop)
			if name == "beside" {
				go func() { // Each change of the files begins the log anew.
					for {
						select {
						case <-stop:
							return
						case <-time.After(300 * time.Millisecond):
							s.manager.worker("shop").files.touch()
						}
					}
				}()
			}
			b.ReportAllocs()
			for b.Loop() {
				must(s.decider.Rank(b.Context(), &decision.Request{Loop: "shop", UserID: "u"}))
			}
		})
	}
}
