package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nextbest/nextbest/model"
)

// UsersResult tells how a run went by the number of a user's decision.
type UsersResult struct {
	Users        int
	BestConstant float64 // what the best single action of each user earns, known in hindsight
	First        []Point // average of the first 1, 3, 10 and 30 decisions of each user, and of all who had as many or fewer
	Curve        []Bin   // of each user's first 30 decisions, a bin for each
}

// coldStart are the numbers of a user's decisions after which the average is kept.
var coldStart = [...]int{1, 3, 10, 30}

// userTally counts what a run earns by user.
type userTally struct {
	decided []int            // decisions of each user
	paid    [][hours]float64 // what each arm would have paid each user
	sum     [30]float64      // rewards of all users' decisions of a number
	count   [30]int
}

func newUserTally(users int) *userTally {
	return &userTally{decided: make([]int, users), paid: make([][hours]float64, users)}
}

func (u *userTally) add(user int, reward float64, expected []float64) {
	if n := u.decided[user]; n < len(u.sum) {
		u.sum[n] += reward
		u.count[n]++
	}
	u.decided[user]++
	for i, x := range expected {
		u.paid[user][i] += x
	}
}

func (u *userTally) result(rounds int) *UsersResult {
	r := &UsersResult{}
	for i, n := range u.decided {
		if n > 0 {
			r.Users++
			r.BestConstant += slices.Max(u.paid[i][:]) / float64(rounds)
		}
	}
	sum, count := 0.0, 0
	for i, n := range u.count {
		if n == 0 {
			break
		}
		sum += u.sum[i]
		count += n
		average := sum / float64(count)
		r.Curve = append(r.Curve, Bin{End: i + 1, Reward: u.sum[i] / float64(n), Average: average})
		if slices.Contains(coldStart[:], i+1) {
			r.First = append(r.First, Point{i + 1, average})
		}
	}
	return r
}

// sendTimeRun is the state of one run.
type sendTimeRun struct {
	data        *SendTimes
	exploration model.Exploration
	model       *model.SendTimes
	evidence    []model.UserEvidence
	actions     []model.Candidate
	at          [7][]model.HourOfWeek
	tally       *tally
	users       *userTally
	time        Time
	estimates   []model.Estimate
	probability []float64
	expected    []float64
}

// Run plays the days in their order, one decision each among the hours of the day: the drawn one's reward is learned
// before the next day. Rounds bounds the days, and options other than Rounds, Seed and Progress are not looked at; of the
// policy it takes the exploration.
func (s *SendTimes) Run(ctx context.Context, p Policy, o Options) (*Result, error) {
	if o.Rounds < 1 || o.Rounds > len(s.Days) {
		return nil, fmt.Errorf("simulate: %d days of %d", o.Rounds, len(s.Days))
	}
	r := &sendTimeRun{data: s, exploration: p.Exploration, model: model.NewSendTimes(model.SendTimesOptions{}),
		evidence: make([]model.UserEvidence, s.Users), tally: newTally(o.Rounds), users: newUserTally(s.Users),
		probability: make([]float64, hours)}
	r.actions, r.at = sendHours()
	watch := startWatch(&r.time)
	err := r.play(ctx, watch, o)
	watch.stop()
	if err != nil {
		return nil, err
	}
	result := r.tally.result()
	result.Users, result.Time = r.users.result(o.Rounds), r.time
	return result, nil
}

func (r *sendTimeRun) play(ctx context.Context, watch *stopwatch, o Options) error {
	for i := range o.Rounds {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("simulate round %d: %w", i+1, err)
		}
		if err := r.day(&r.data.Days[i], model.Uniform(o.Seed, "row-"+strconv.Itoa(i), 0)); err != nil {
			return fmt.Errorf("simulate round %d: %w", i+1, err)
		}
		watch.round()
		if o.Progress != nil {
			o.Progress()
		}
	}
	return nil
}

func (r *sendTimeRun) day(d *ActiveDay, u float64) error {
	evidence, at := &r.evidence[d.User], r.at[d.Weekday]
	start := time.Now()
	r.estimates = r.model.Estimate(r.estimates[:0], evidence, at)
	r.exploration.Probabilities(r.probability, r.estimates, r.model.RewardDeviation(), model.EventsOf(r.estimates))
	drawn := model.Draw(r.probability, u)
	r.time.Predict += time.Since(start)
	if drawn < 0 {
		return errors.New("no hour has a probability above 0")
	}
	reward := d.reward(drawn)
	start = time.Now()
	r.model.Update(evidence, at[drawn], reward, 1)
	r.time.Learn += time.Since(start)
	r.expected = r.expected[:0]
	for hour := range hours {
		r.expected = append(r.expected, d.reward(hour))
	}
	r.tally.add(r.actions, drawn, reward, r.expected)
	r.users.add(d.User, reward, r.expected)
	return nil
}
