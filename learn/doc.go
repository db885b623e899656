// Package learn turns the event log into models.
//
// The log is a total order of records, and everything here is a fold over it:
//
//	log ─► fold (pure, one goroutine) ─► Cut ─► model ─► validate ─► Publish ─► atomic swap ─► decision.Snapshots
//	         │ join by event id in the reward window                (both are log records)
//	         └► checkpoint: the whole state, in DATA/learner
//
// Model N of a loop is the fold of the loop's records before Cut N under the definition in force there, after the
// windows that had ended by the Cut's time were closed. Time in the fold is the largest record time of the loop so far,
// never a clock: the same log gives the same model, to the bit, on any machine. A loop depends on its own records alone.
//
// # What becomes of rewards
//
// Every reward in the log has one Outcome. It is learned from when it is Joined: it came while its event's window was
// open, under a reward id that was new to the event (the first in the log wins), for a slot and metric that exist, with
// a value in range, and the event is one to be learned from. A reward without a slot id is of the first slot, one without
// a metric of the first metric. Rewards and activations that come before their decision are held for a window at most,
// MaxHeld per loop. An event that needs an activation and has none when its window ends does not count.
//
// Decisions whose user features could not be read are learned from, with the features that were used: their
// probabilities are exact, and the defaults are what such users will look like next time. Decisions of logging_only
// loops are not learned from.
//
// # When an event counts
//
// If an event counted when its first reward comes, actions with quick feedback would look better than they are: their
// successes are in the sums while the others' are under way, and their failures are not in the sums at all. If it
// counted when its window closes, a loop with a window of weeks would learn nothing for weeks. So:
//
//   - an event counts from the age on at which 90% of rewarded events have had their first reward (the loop's patience,
//     by a histogram in the fold; the whole window before there was any reward), with what it is worth by then: the
//     default reward if nothing came. Success or not, an event of any action counts at the same age;
//   - a reward that comes later corrects the sums exactly: the event is taken out with its old worth and put in with its
//     new one;
//   - when the window closes the event settles: it leaves the provisional sums and joins those that never change again.
//
// Immediate feedback makes the patience zero. What remains of the bias is the tenth of the slowest rewards, and it ends
// with the window; TestSlowFeedbackIsNotWorse measures it.
//
// Of an event with several slots each is an example of its own. Which of them are learned from is for the RewardModel: under
// Cascade the provisional sums follow as a later reward moves the end of the scan, and the end of the window is final.
//
// Events settle strictly in the order of their decisions, and rewards within an event are added up in the order of their
// times and ids. The settled model is therefore the same to the bit for any order and any repetition of arrival.
//
// # Which features
//
// A decision is learned from with the features that decided it. Those of the request and the user are in its record; those
// of the catalogue's actions are in the loop file of the snapshot that decided, which is the one in force at the
// snapshot's Cut, whatever came between the decision and its record and however often the log is folded again. How
// they are read (declarations, defaults, reward) is for the definition that the loop is folded under: a value that its
// declarations do not allow is missing.
//
// # Which file is in force
//
// The one that was put last: from the directory of loop files, or by the promotion of a challenger. A promotion says which file
// it displaced; the directory's file stays the base, and putting the same bytes again changes nothing (Standing). Changes of one
// process are made one after the other, each once the one before is seen, so that what a promotion was compared with is
// what it displaces.
//
// # What may go wrong
//
// A record that cannot be folded is counted by reason and skipped. A model that is not finite or out of all bounds is
// not published: the last good one is served on, and Status says why. A damaged checkpoint is refused: the one before it
// or the whole log is folded. A crash between Cut and Publish leaves a Cut that nothing refers to.
//
// An open event takes about 260 bytes with its encoded example and id, 50 more per reward (BenchmarkOpenEvents), a closed one
// about 50 for one more window.
package learn
