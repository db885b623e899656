package simulate

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/model"
)

// hours are the arms of a replay of send times: the full hours of a day.
const hours = 24

// SendTimes is when each of many users was active, hour by hour, by their own clocks. It is immutable.
type SendTimes struct {
	Days  []ActiveDay // in the order of their numbers, those of the same number in the order of the file
	Users int
}

// ActiveDay is one day of one user.
type ActiveDay struct {
	User    int // from 0 on, in the order of the file
	Number  int // of the day
	Weekday int // 0 is Monday
	active  uint32
}

// reward returns what a send at an hour of the day pays: 1 if the user is active in that hour of the day or in the next.
func (d *ActiveDay) reward(hour int) float64 {
	if d.active>>hour&3 != 0 {
		return 1
	}
	return 0
}

// sendTimeReader gathers hours by user and day.
type sendTimeReader struct {
	days []ActiveDay
	user map[string]int
	day  map[[2]int]int // by user and number
	// The fields of the row that is being read.
	row ActiveDay
}

// ReadSendTimes reads comma-separated values with a header row: the columns user, day_index (an integer; the order of
// days), dow (0 to 6, Monday to Sunday) and hour (0 to 23), a row for each hour of a day in which the user was active.
// Other columns are not looked at. Errors name line and column.
func ReadSendTimes(r io.Reader) (*SendTimes, error) {
	s := &sendTimeReader{user: map[string]int{}, day: map[[2]int]int{}}
	_, err := readTable(r, []role{
		{column: "user", take: s.takeUser},
		{column: "day_index", take: s.takeDay},
		{column: "dow", take: func(f string) error { return within0("weekday", f, 6, &s.row.Weekday) }},
		{column: "hour", take: s.takeHour},
	}, func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(s.days, func(a, b ActiveDay) int { return cmp.Compare(a.Number, b.Number) })
	return &SendTimes{Days: s.days, Users: len(s.user)}, nil
}

func within0(name, field string, most int, to *int) error {
	n, err := strconv.Atoi(field)
	if err != nil || n < 0 || n > most {
		return fmt.Errorf("the %s %q is not an integer from 0 to %d", name, field, most)
	}
	*to = n
	return nil
}

func (s *sendTimeReader) takeUser(field string) error {
	if field == "" {
		return errors.New("the user is missing")
	}
	n, known := s.user[field]
	if !known {
		n = len(s.user)
		s.user[strings.Clone(field)] = n
	}
	s.row.User = n
	return nil
}

func (s *sendTimeReader) takeDay(field string) error {
	n, err := strconv.Atoi(field)
	if err != nil {
		return fmt.Errorf("the day %q is not an integer", field)
	}
	s.row.Number = n
	return nil
}

// takeHour takes a row's last field, and with it the row.
func (s *sendTimeReader) takeHour(field string) error {
	hour := 0
	if err := within0("hour", field, hours-1, &hour); err != nil {
		return err
	}
	key := [2]int{s.row.User, s.row.Number}
	at, known := s.day[key]
	if !known {
		at = len(s.days)
		s.day[key], s.days = at, append(s.days, s.row)
	}
	d := &s.days[at]
	if d.Weekday != s.row.Weekday {
		return fmt.Errorf("the user's day %d is a weekday %d here and a weekday %d before", d.Number, s.row.Weekday, d.Weekday)
	}
	d.active |= 1 << hour
	return nil
}

// sendHours are the arms as actions, and at the times of a weekday.
func sendHours() (actions []model.Candidate, at [7][]model.HourOfWeek) {
	for hour := range hours {
		actions = append(actions, model.Candidate{ID: strconv.Itoa(hour), Features: features.Set{}})
		for day := range at {
			at[day] = append(at[day], model.HourOfWeekAt(day, 60*hour))
		}
	}
	return actions, at
}
