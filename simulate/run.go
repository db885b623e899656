package simulate

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nextbest/nextbest/model"
)

// run is the state of one run.
type run struct {
	world    World
	player   *player
	options  Options
	queue    queue
	tally    *tally
	expected []float64
	watch    *stopwatch
}

// Run plays a world. It ends early with ctx's error.
func Run(ctx context.Context, w World, p Policy, o Options) (*Result, error) {
	if o.Rounds < 1 {
		return nil, errors.New("simulate: no round to play")
	}
	r := &run{world: w, player: newPlayer(p, o.Batch > 1), options: o, queue: queue{due: map[int][]pending{}}, tally: newTally(o.Rounds)}
	r.watch = startWatch(&r.player.time)
	err := r.play(ctx)
	r.watch.stop()
	if err != nil {
		return nil, err
	}
	result := r.tally.result()
	result.Time, result.Fits, result.Outstanding = r.player.time, r.player.fits, r.queue.left
	return result, nil
}

func (r *run) play(ctx context.Context) error {
	for i := range r.options.Rounds {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("simulate round %d: %w", i+1, err)
		}
		if err := r.round(i); err != nil {
			return fmt.Errorf("simulate round %d: %w", i+1, err)
		}
		r.watch.round()
		if r.options.Progress != nil {
			r.options.Progress()
		}
	}
	r.deliver(r.options.Rounds) // for whoever goes on with the estimator
	return nil
}

func (r *run) round(i int) error {
	r.deliver(i)
	if err := r.player.renew(); err != nil {
		return err
	}
	context, actions := r.world.Next(i)
	drawn, _ := r.player.choose(context, actions, model.Uniform(r.options.Seed, "row-"+strconv.Itoa(i), 0))
	if drawn < 0 {
		return errors.New("no action has a probability above 0")
	}
	reward, delay := r.world.Reward(drawn)
	x := r.player.encode(context, actions, drawn)
	r.queue.add(r.arrival(i+1+delay), pending{x, reward})
	r.expected = r.world.Expected(r.expected[:0])
	r.tally.add(actions, drawn, reward, r.expected)
	return nil
}

// arrival returns the round before which a reward that is there before round i is learned: the next batch's first.
func (r *run) arrival(i int) int {
	if b := r.options.Batch; b > 1 {
		return (i + b - 1) / b * b
	}
	return i
}

// deliver learns what arrives before round i, in the order of the decisions.
func (r *run) deliver(i int) {
	for _, p := range r.queue.take(i) {
		r.player.learn(&p.example, p.reward)
	}
}

// pending is a reward on its way.
type pending struct {
	example model.Example
	reward  float64
}

// queue holds pending rewards by the round before which they arrive. Every round is taken once, in order.
type queue struct {
	due  map[int][]pending
	free []pending // the array of what was taken last, to be used again
	left int
}

func (q *queue) add(round int, p pending) {
	at, ok := q.due[round]
	if !ok {
		at, q.free = q.free[:0], nil
	}
	q.due[round] = append(at, p)
	q.left++
}

// take returns what arrives before a round, valid until the next add.
func (q *queue) take(round int) []pending {
	at, ok := q.due[round]
	if !ok {
		return nil
	}
	delete(q.due, round)
	q.free = at
	q.left -= len(at)
	return at
}
