// Package challenger evaluates shadow policies continuously on live traffic, promotes one that is proven to be better than the
// one that serves, and puts the displaced one back when that turns out to be better.
//
//	LOOPS_DIR/challengers/LOOP/NAME.yaml ─┐
//	                                      ▼
//	event log ─► evaluate.Log (follows) ─► contest: gain of each challenger over the policy in force
//	   ▲                                   │        gain of the displaced policy over the one in force
//	   │                                   ▼
//	   ├── Challenge: evaluated from here  rule: lower bound above zero?
//	   └── LoopChange with its Promotion ◄─┴─ learn.Learner.Promote, TakeBack; by itself or by command
//
// # What is compared
//
// The policy in force draws, and logs its probabilities; what a challenger would have earned on the same decisions is
// estimated from those (package ope), with the challenger's own model, learned from the same log (package evaluate). A
// decision counts once its reward window has ended, if it was made after the challenger was declared and under the file that is
// in force. Another file in force means other evidence: all of it begins anew.
//
// # What is promised
//
// All evidence is a fold over the log: a restart reads it again and comes to the same numbers, to the bit. Whoever looks may
// look at any time: intervals hold at all looks together. One goroutine per loop that has challengers reads the log within
// a share of one processor; serving never waits for it, and a panic ends the evaluation alone. What it lags behind is in its
// Status, with what is wrong with a challenger's file.
//
// A promotion is a change of the loop's file in the log, which replay and explain read like any other. The file in the directory
// of loop files stays as it is: putting it again does not undo a promotion, changing it does.
package challenger
