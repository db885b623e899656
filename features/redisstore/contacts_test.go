package redisstore

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nextbest/nextbest/contact/contacttest"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/guardrail"
	"github.com/nextbest/nextbest/internal/redistest"
)

func connect(t testing.TB, url string, change func(*Options)) *Store {
	t.Helper()
	o := Options{URL: url, Timeout: 5 * time.Second}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestContacts(t *testing.T) {
	contacttest.Run(t, func(t *testing.T) []contacttest.Keeper {
		server := redistest.Start(t)
		return []contacttest.Keeper{connect(t, server.Addr, nil), connect(t, server.Addr, nil)} // two replicas
	})
}

var aHold = decision.Hold{Loop: "shop", Event: "e1", UnixMillis: 1_800_000_000_000}

// What cannot be read is not known: whoever depends on it fails closed. Features are read where they can be.
func TestContactsThatCannotBeRead(t *testing.T) {
	server := redistest.Start(t)
	s := connect(t, server.Addr, nil)
	server.Do("hset", Key("ann"), "age", "30")
	for name, break_ := range map[string]func(){
		"another type":           func() { server.Do("set", ContactsKey("ann"), "x") },
		"a member that is none":  func() { server.Do("zadd", ContactsKey("ann"), "1800000000000", "x") },
		"a member of other make": func() { server.Do("zadd", ContactsKey("ann"), "1800000000000", `["visit","e"]`) },
		"a huge member":          func() { server.Do("zadd", ContactsKey("ann"), "1800000000000", strings.Repeat("x", maxMember+1)) },
		"suppressions of another type": func() {
			server.Do("hset", SuppressionsKey("ann"), "x", "y")
		},
	} {
		t.Run(name, func(t *testing.T) {
			server.Do("del", ContactsKey("ann"), SuppressionsKey("ann"))
			break_()
			state, err := s.FetchHolding(t.Context(), "ann", []string{"age"}, aHold)
			if err != nil || state.Contacts.Known {
				t.Errorf("contacts known %t, error %v", state.Contacts.Known, err)
			}
			if state.FeaturesErr != nil || len(state.Features) != 1 || state.Features[0].Text != "30" {
				t.Errorf("features %v, error %v", state.Features, state.FeaturesErr)
			}
		})
	}
	server.Do("del", ContactsKey("ann"), SuppressionsKey("ann"), Key("ann"))
	server.Do("set", Key("ann"), "x")
	state, err := s.FetchHolding(t.Context(), "ann", []string{"age"}, aHold)
	if err != nil || !state.Contacts.Known || state.FeaturesErr == nil {
		t.Errorf("with features of another type: contacts known %t, features' error %v, error %v", state.Contacts.Known, state.FeaturesErr, err)
	}
}

func TestContactsWhileRedisIsAway(t *testing.T) {
	server := redistest.Start(t)
	s := connect(t, server.Addr, func(o *Options) { o.Timeout = 20 * time.Millisecond })
	if state, err := s.FetchHolding(t.Context(), "ann", nil, aHold); err != nil || !state.Contacts.Known {
		t.Fatal(state, err)
	}
	server.Do("script", "flush") // as a restart does
	if state, err := s.FetchHolding(t.Context(), "ann", nil, aHold); err != nil || !state.Contacts.Known {
		t.Errorf("after the script was forgotten: contacts known %t, error %v", state.Contacts.Known, err)
	}
	server.Kill()
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		state, err := s.FetchHolding(ctx, "ann", []string{"age"}, aHold)
		cancel()
		if (err == nil && state.FeaturesErr == nil) || state.Contacts.Known {
			t.Fatalf("contacts known %t, error %v, with no Redis", state.Contacts.Known, err)
		}
		s.Settle("ann", aHold, nil)
	}
}

func TestRestoredContactsCount(t *testing.T) {
	server := redistest.Start(t)
	s := connect(t, server.Addr, nil)
	at := time.UnixMilli(aHold.UnixMillis).UTC().Add(-time.Hour)
	logged := []guardrail.Contact{{At: at, Event: "e0", Loop: "shop", Action: "a", Channel: "email"}}
	for range 2 { // twice is the same as once
		if err := s.Restore(t.Context(), "ann", logged); err != nil {
			t.Fatal(err)
		}
	}
	state, err := s.FetchHolding(t.Context(), "ann", nil, aHold)
	if err != nil || len(state.Contacts.Recent) != 1 || state.Contacts.Recent[0].Action != "a" {
		t.Errorf("contacts %+v, error %v", state.Contacts, err)
	}
}

// BenchmarkFetchHolding is beside BenchmarkFetch what a contact policy adds to the round trip.
func BenchmarkFetchHolding(b *testing.B) {
	server := redistest.Start(b)
	s := connect(b, server.Addr, nil)
	for name, fetch := range map[string]func(i int) error{
		"features alone": func(i int) error {
			_, err := s.Fetch(context.Background(), fmt.Sprint("u", i%1000), []string{"age", "plan"})
			return err
		},
		"with contacts": func(i int) error {
			h := decision.Hold{Loop: "shop", Event: fmt.Sprint(i), UnixMillis: 1_800_000_000_000 + int64(i)}
			user := fmt.Sprint("u", i%1000)
			_, err := s.FetchHolding(context.Background(), user, []string{"age", "plan"}, h)
			s.Settle(user, h, nil)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := fetch(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A hold that Redis takes after its caller has given up does not stay for ever.
func TestLateHoldsAreTakenBack(t *testing.T) {
	server := redistest.Start(t)
	s := connect(t, server.Addr, func(o *Options) { o.Timeout = 50 * time.Millisecond })
	if _, err := s.FetchHolding(t.Context(), "ann", nil, decision.Hold{Loop: "shop", Event: "e0", UnixMillis: aHold.UnixMillis}); err != nil {
		t.Fatal(err)
	}
	s.Settle("ann", decision.Hold{Loop: "shop", Event: "e0", UnixMillis: aHold.UnixMillis}, nil)
	server.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if state, err := s.FetchHolding(ctx, "ann", nil, aHold); err == nil && state.Contacts.Known {
		t.Fatal("a hung Redis has answered")
	}
	s.Settle("ann", aHold, nil)
	server.Resume()
	other := connect(t, server.Addr, nil)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		state, err := other.FetchHolding(t.Context(), "ann", nil, decision.Hold{Loop: "shop", Event: "probe", UnixMillis: aHold.UnixMillis + 1})
		if err != nil {
			t.Fatal(err)
		}
		others := 0
		for _, c := range state.Contacts.Recent {
			if c.Event != "probe" {
				others++
			}
		}
		if others == 0 && time.Until(deadline) < 9500*time.Millisecond {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a hold stays: %+v", state.Contacts.Recent)
		}
	}
}
