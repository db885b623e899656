package model

import "math"

// HourOfWeek is a time of the week by the user's own clock, in hours from Monday 0:00 on, from [0,168): Tuesday 9:30 is
// 33.5. Any other finite value is taken modulo a week.
type HourOfWeek float64

// HourOfWeekAt returns the time of a day, 0 being Monday, and a minute from midnight.
func HourOfWeekAt(day, minute int) HourOfWeek {
	return HourOfWeek(float64(24*day) + float64(minute)/60)
}

const (
	hoursOfDay  = 24
	hoursOfWeek = 7 * hoursOfDay
	firstOfRest = 5 // Saturday
	// sendCells are the full hours of a weekday and those of a day of the weekend, in this order.
	sendCells = 2 * hoursOfDay
)

// between is a time as a mixture of the two full hours around it, whose shares sum to 1. As hours follow each other
// round the week, whatever is linear in cells is continuous there: through midnight, through the weekend, from Sunday
// to Monday.
type between struct {
	cell  [2]int
	share [2]float64
}

// cells returns the full hours around a finite time.
func (h HourOfWeek) cells() between {
	hour := math.Mod(float64(h), hoursOfWeek)
	if hour < 0 {
		hour += hoursOfWeek
	}
	from := min(int(hour), hoursOfWeek-1)
	after := min(hour-float64(from), 1)
	return between{[2]int{cellOfHour(from), cellOfHour((from + 1) % hoursOfWeek)}, [2]float64{1 - after, after}}
}

// cellOfHour returns the cell of a full hour of the week.
func cellOfHour(hour int) int {
	if hour/hoursOfDay >= firstOfRest {
		return hoursOfDay + hour%hoursOfDay
	}
	return hour % hoursOfDay
}

// of returns the mixture of two cells' values.
func (b *between) of(values *[sendCells]float64) float64 {
	return float64(b.share[0]*values[b.cell[0]]) + float64(b.share[1]*values[b.cell[1]])
}

// habits is the covariance of how users differ from the population, in units of the noise variance: hyperparameters of
// a Gaussian process over cells.
type habits struct {
	between float64 // variance of what users differ by, at any one hour
	width   float64 // of the correlation around an hour, on a circle of radius 1; see circular
	weekend float64 // correlation of the same hour of a weekday and of the weekend
}

// levelShare is how much of what users differ by is common to all hours: some answer more often than others, which is
// nothing to choose an hour by, and would only blur how far the hours that were tried are known.
const levelShare = 0.02

// covariance of two cells.
func (h *habits) covariance(lags *[hoursOfDay]float64, i, j int) float64 {
	c := float64((1 - levelShare) * lags[(i-j+sendCells)%hoursOfDay])
	if i/hoursOfDay != j/hoursOfDay {
		c *= h.weekend
	}
	return float64(h.between * (levelShare + c))
}

// circular returns the correlations of hours that are 0 to 23 hours apart on the circle of a day: the periodic squared
// exponential (MacKay, Introduction to Gaussian processes, 1998; Rasmussen and Williams, Gaussian Processes for Machine
// Learning, 2006, 4.31)
//
//	k(δ) = exp(−2·sin²(δ/2)/width²) = exp(−(1 − cos δ)/width²),
//
// less its mean over the circle and scaled to 1 at 0: what all hours have in common stands apart, in levelShare. What is
// left sums to 0 over a day, so that hours compete: who is there in the morning is less often there at night.
func circular(width float64) (lags [hoursOfDay]float64) {
	cosines := [hoursOfDay/2 + 1]float64{1, 0.9659258262890683, 0.8660254037844386, 0.7071067811865476, 0.5, 0.25881904510252074, 0,
		-0.25881904510252074, -0.5, -0.7071067811865476, -0.8660254037844386, -0.9659258262890683, -1}
	mean := 0.0
	for i := range lags {
		lags[i] = exp((cosines[min(i, hoursOfDay-i)] - 1) / float64(width*width))
		mean += lags[i] / hoursOfDay
	}
	for i := range lags {
		lags[i] = (lags[i] - mean) / (1 - mean)
	}
	return lags
}

// The hyperparameters that are weighed against each other, from little to much of each.
const (
	betweens = 4
	widths   = 2
	weekends = 2
)

// habit is one choice of hyperparameters with what is computed from it.
type habit struct {
	habits
	lags  [hoursOfDay]float64
	table [sendCells * sendCells]float64 // covariances of cells
}

// newHabits returns all choices.
func newHabits() (out [betweens * widths * weekends]habit) {
	i := 0
	for _, between := range [betweens]float64{0.02, 0.04, 0.08, 0.16} {
		for _, width := range [widths]float64{0.5, 0.9} {
			for _, weekend := range [weekends]float64{0.5, 0.9} {
				out[i].set(habits{between, width, weekend})
				i++
			}
		}
	}
	return out
}

// usualHabit is the number of the choice that counts until another one foresees rewards better.
const usualHabit = 1*widths*weekends + 1

func (h *habit) set(choice habits) {
	h.habits, h.lags = choice, circular(choice.width)
	for i := range sendCells {
		for j := range sendCells {
			h.table[i*sendCells+j] = h.covariance(&h.lags, i, j)
		}
	}
}

// at is the covariance of two cells.
func (h *habit) at(i, j int) float64 { return h.table[i*sendCells+j] }
