package catalogue_test

import (
	"testing"

	"github.com/nextbest/nextbest/catalogue"
	"github.com/nextbest/nextbest/catalogue/storetest"
	"github.com/nextbest/nextbest/features/redisstore"
	"github.com/nextbest/nextbest/internal/redistest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) []catalogue.Store { return []catalogue.Store{catalogue.NewMemory()} })
}

func TestRedis(t *testing.T) {
	storetest.Run(t, func(t *testing.T) []catalogue.Store {
		server := redistest.Start(t)
		var all []catalogue.Store
		for range 2 {
			s, err := redisstore.New(redisstore.Options{URL: server.Addr})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			all = append(all, s.Catalogue())
		}
		return all
	})
}
