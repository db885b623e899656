package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// budgetsKept is how long a day's budgets are kept: until it is over in every zone.
const budgetsKept = 72 * time.Hour

// budgetsKey is a hash of what a loop's budgets have spent in a day: REPLICA NUL BUDGET is a field each.
func budgetsKey(loop, date string) string { return "nb:b:{" + loop + "}:" + date }

// TellSpent implements contact.SharedBudgets.
func (s *Store) TellSpent(ctx context.Context, loop, date, replica string, own map[string]float64) (map[string]float64, error) {
	key := budgetsKey(loop, date)
	pipe := s.client.Pipeline()
	for name, amount := range own {
		pipe.HSet(ctx, key, replica+"\x00"+name, strconv.FormatFloat(amount, 'g', -1, 64))
	}
	pipe.PExpire(ctx, key, budgetsKept)
	all := pipe.HGetAll(ctx, key)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, storeError(ctx, "budgets", err)
	}
	others := make(map[string]float64)
	for field, text := range all.Val() {
		of, name, ok := strings.Cut(field, "\x00")
		amount, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil {
			return nil, storeError(ctx, "budgets", fmt.Errorf("%q of %q is no budget's amount: %q", field, key, text))
		}
		if of != replica {
			others[name] += amount
		}
	}
	return others, nil
}
