package model_test

import (
	"fmt"

	"github.com/nextbest/nextbest/model"
)

// A user who opens at 20:00 where others open at 9:00 is sent to in the evening.
func ExampleSendTimes() {
	population := model.NewSendTimes(model.SendTimesOptions{})
	var user model.UserEvidence // kept by the caller, as bytes
	for week := range 10 {
		for day := range 7 {
			for _, hour := range []int{9, 14, 20} {
				at := model.HourOfWeekAt(day, 60*hour)
				opened := 0.0
				if hour == 9 && week%2 == 0 {
					opened = 1
				}
				population.Update(&model.UserEvidence{}, at, opened, 1)
			}
		}
		evening := model.HourOfWeekAt(week%7, 20*60+15)
		population.Update(&user, evening, 1, 1)
	}
	served := population.Predictor()
	slots := []model.HourOfWeek{model.HourOfWeekAt(2, 9*60), model.HourOfWeekAt(2, 14*60), model.HourOfWeekAt(2, 20*60)}
	for _, e := range []*model.UserEvidence{{}, &user} {
		estimates := served.Estimate(nil, e, slots)
		probabilities := make([]float64, len(slots))
		model.DefaultSendTimeExploration().Probabilities(probabilities, estimates, served.RewardDeviation(), model.EventsOf(estimates))
		fmt.Printf("%.2f\n", probabilities)
	}
	// Output:
	// [0.99 0.00 0.00]
	// [0.00 0.00 0.99]
}
