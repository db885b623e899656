// Package features breaks every rule for pure packages.
package features

import (
	"crypto/rand"
	"fmt"
	. "math"
	random "math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/nextbest/nextbest/model"
	"github.com/redis/go-redis/v9"
	"go.example.com/anything"
)

// Seeded is allowed: the caller gives the seed.
func Seeded(seed uint64) *random.Rand { return random.New(random.NewPCG(seed, 0)) }

// Age is allowed: the caller gives the time.
func Age(now, then time.Time) time.Duration { return now.Sub(then) }

// Impure is not.
func Impure() (time.Time, float64) {
	fmt.Println(rand.Reader, Pi, http.NoBody, os.Args, model.Model{}, redis.Nil, anything.At)
	tick := time.After
	<-tick(time.Second)
	return time.Now(), random.Float64()
}
