package simulate

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/model"
)

func readActiveHours(t *testing.T) *SendTimes {
	t.Helper()
	const name = "testdata/active-hours.csv.gz"
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := Decompress(f, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ReadSendTimes(rows)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSendTimesAreReplayedInTimeOrder: a decision for each user and active day, by the number of the day; an hour pays when
// the user is active in it or in the next one of the same day.
func TestSendTimesAreReplayedInTimeOrder(t *testing.T) {
	s, err := ReadSendTimes(strings.NewReader("user,day_index,dow,hour\na,0,3,14\na,0,3,15\na,7,3,23\nb,0,6,0\nb,3,2,9\n"))
	if err != nil {
		t.Fatal(err)
	}
	var order [][3]int
	for _, d := range s.Days {
		order = append(order, [3]int{d.User, d.Number, d.Weekday})
	}
	if diff := cmp.Diff([][3]int{{0, 0, 3}, {1, 0, 6}, {1, 3, 2}, {0, 7, 3}}, order); diff != "" || s.Users != 2 {
		t.Errorf("%d users, %s", s.Users, diff)
	}
	for day, paying := range [][]int{{13, 14, 15}, {0}, {8, 9}, {22, 23}} {
		var got []int
		for hour := range hours {
			if s.Days[day].reward(hour) == 1 {
				got = append(got, hour)
			}
		}
		if !slices.Equal(got, paying) {
			t.Errorf("day %d pays at %v, not at %v", day, got, paying)
		}
	}
}

func TestSendTimesAreRefused(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"user,day_index,hour\na,0,1\n", `no column is named "dow"`},
		{"user,day_index,dow,hour\na,0,7,1\n", `line 2, column 5 (dow): the weekday "7" is not an integer from 0 to 6`},
		{"user,day_index,dow,hour\na,0,1,24\n", `line 2, column 7 (hour): the hour "24" is not an integer from 0 to 23`},
		{"user,day_index,dow,hour\na,x,1,2\n", `(day_index): the day "x" is not an integer`},
		{"user,day_index,dow,hour\n,0,1,2\n", "the user is missing"},
		{"user,day_index,dow,hour\na,0,1,2\na,0,2,3\n", "line 3, column 7 (hour): the user's day 0 is a weekday 2 here and a weekday 1 before"},
		{"user,day_index,dow,hour\n", "no row follows"},
	} {
		if _, err := ReadSendTimes(strings.NewReader(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.file, err, c.want)
		}
	}
}

// TestSendTimeReferences: of a policy that always sends at one hour, the averages by round and by user are those of
// the file, and what is said of uniform and constant choices is what they pay.
func TestSendTimeReferences(t *testing.T) {
	s, err := ReadSendTimes(strings.NewReader("user,day_index,dow,hour\na,0,0,9\na,1,1,9\nb,0,0,15\na,2,2,20\n"))
	if err != nil {
		t.Fatal(err)
	}
	always := make(fixed, hours)
	always[9] = 1
	r, err := s.Run(context.Background(), Policy{Exploration: always}, Options{Rounds: len(s.Days), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.AverageReward != 0.5 || r.BestConstant != 0.5 || r.Uniform != 2./hours || r.Actions != hours || r.Users.BestConstant != 0.75 {
		t.Errorf("%+v, %+v", r, r.Users)
	}
	// The first decisions are a's day 0, which pays, and b's; then a's day 1 and 2.
	want := &UsersResult{Users: 2, BestConstant: 0.75, First: []Point{{1, 0.5}, {3, 0.5}},
		Curve: []Bin{{1, 0.5, 0.5}, {2, 1, 2. / 3}, {3, 0, 0.5}}}
	if diff := cmp.Diff(want, r.Users); diff != "" {
		t.Error(diff)
	}
}

// TestSendTimesPay: on the rows of 120 people five seeds gave 0.186 to 0.210, a uniform choice 0.126, the best hour in
// hindsight 0.179. The bar is well below. The same seed gives the same result.
func TestSendTimesPay(t *testing.T) {
	s := readActiveHours(t)
	p := Policy{Exploration: model.DefaultSendTimeExploration()}
	for seed := range uint64(3) {
		o := Options{Rounds: len(s.Days), Seed: seed}
		r, err := s.Run(context.Background(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		if r.AverageReward < 0.165 {
			t.Errorf("seed %d: %.4f, uniform %.4f, best %.4f", seed, r.AverageReward, r.Uniform, r.BestConstant)
		}
		again, err := s.Run(context.Background(), p, o)
		if err != nil || again.AverageReward != r.AverageReward || !cmp.Equal(again.Curve, r.Curve) {
			t.Errorf("seed %d: the second run differs: %v", seed, err)
		}
	}
	if _, err := s.Run(context.Background(), p, Options{Rounds: len(s.Days) + 1}); err == nil {
		t.Error("more days than there are")
	}
}
