// Package users makes the load test's users: a shop's customers with thirty features each, the same for the same seed.
//
// Fill writes them to Redis as anyone's pipeline would: a hash per user, `nb:u:{USER}`, one field per feature, plain
// text values, plain HSET. About one value in fifty is missing, as in every real pipeline.
package users

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// feature is one field of a user's hash.
type feature struct {
	name string
	draw func(*rand.Rand) string
}

// fields are what loops/loadtest.yaml declares of users.
var fields = []feature{
	{"age", number(18, 90, 0)},
	{"tenure_days", number(0, 3650, 0)},
	{"orders", number(0, 60, 0)},
	{"orders_90d", number(0, 8, 0)},
	{"spend", number(0, 5000, 2)},
	{"spend_90d", number(0, 800, 2)},
	{"basket_mean", number(5, 200, 2)},
	{"days_since_order", number(0, 720, 0)},
	{"days_since_visit", number(0, 90, 0)},
	{"visits_30d", number(0, 40, 0)},
	{"emails_opened_30d", number(0, 20, 0)},
	{"emails_clicked_30d", number(0, 8, 0)},
	{"returns", number(0, 10, 0)},
	{"reviews", number(0, 15, 0)},
	{"discount_share", number(0, 1, 3)},
	{"night_share", number(0, 1, 3)},
	{"mobile_share", number(0, 1, 3)},
	{"churn_risk", number(0, 1, 3)},
	{"segment", oneOf("new", "active", "loyal", "lapsing", "lost")},
	{"country", oneOf("de", "fr", "it", "es", "nl", "pl", "se", "at")},
	{"language", oneOf("de", "fr", "it", "es", "en", "nl", "pl", "sv")},
	{"zip_type", oneOf("urban", "suburban", "rural")},
	{"channel", oneOf("web", "phone", "store", "app")},
	{"favourite_category", oneOf("shoes", "shirts", "trousers", "coats", "home", "garden", "toys", "books")},
	{"payment", oneOf("card", "invoice", "wallet", "transfer")},
	{"device", oneOf("mobile", "desktop", "tablet")},
	{"newsletter", oneOf("true", "false")},
	{"app_installed", oneOf("true", "false")},
	{"loyalty_member", oneOf("true", "false")},
	{"gift_buyer", oneOf("true", "false")},
}

// missingShare is the share of values that the pipeline did not deliver.
const missingShare = 0.02

// batch is how many users go into one pipeline.
const batch = 500

// number draws from low to high, mostly near low: counts and amounts are skewed.
func number(low, high float64, decimals int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		u := r.Float64()
		return strconv.FormatFloat(low+(high-low)*u*u, 'f', decimals, 64)
	}
}

// oneOf draws one of the values, each as often as the others.
func oneOf(values ...string) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return values[r.IntN(len(values))] }
}

// ID names user i, as scenario.js does.
func ID(i int) string { return fmt.Sprintf("u-%06d", i) }

// Key is where the service looks for a user. The braces are part of it.
func Key(id string) string { return "nb:u:{" + id + "}" }

// Names returns the names of all features, in the order of a hash without gaps.
func Names() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// Hash returns the fields and values of user i, in the form of HSET's arguments.
func Hash(seed uint64, i int) []string {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	hash := make([]string, 0, 2*len(fields))
	for _, f := range fields {
		value := f.draw(r)
		if r.Float64() >= missingShare {
			hash = append(hash, f.name, value)
		}
	}
	return hash
}

// Fill writes users 0 to n-1, replacing what was there. It stops at the first error.
func Fill(ctx context.Context, client redis.UniversalClient, seed uint64, n int) error {
	for from := 0; from < n; from += batch {
		to := min(from+batch, n)
		_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := from; i < to; i++ {
				p.Del(ctx, Key(ID(i)))
				p.HSet(ctx, Key(ID(i)), Hash(seed, i))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("write users %d to %d: %w", from, to-1, err)
		}
	}
	return nil
}
