package inbound

import (
	"strconv"
	"time"
)

// maxAhead is how far a sender's clock may be ahead of ours.
const maxAhead = 10 * time.Minute

// checkAge refuses a signature whose time, in unix seconds as written, is further back than most or in the future.
func checkAge(written string, now time.Time, most time.Duration) error {
	seconds, err := strconv.ParseInt(written, 10, 64)
	if err != nil {
		return unverified("the timestamp %q is no number of seconds", clip(written, 40))
	}
	return checkTime(time.Unix(seconds, 0), now, most)
}

func checkTime(signed, now time.Time, most time.Duration) error {
	switch {
	case signed.Before(now.Add(-most)):
		return unverified("it was signed more than %s ago (tolerance)", most)
	case signed.After(now.Add(maxAhead)):
		return unverified("it was signed more than %s ahead of the server's clock", maxAhead)
	}
	return nil
}

func clip(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
