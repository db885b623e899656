package redisstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/features/storetest"
	"github.com/nextbest/nextbest/internal/redistest"
)

// usersByNode finds a few users of each node.
func usersByNode(t *testing.T, c *redistest.Cluster) map[*redistest.Server][]string {
	t.Helper()
	users := map[*redistest.Server][]string{}
	for i := range 30 {
		user := fmt.Sprint("u", i)
		node := c.Master(Key(user))
		users[node] = append(users[node], user)
	}
	if len(users) != 3 {
		t.Fatalf("30 users on %d nodes", len(users))
	}
	return users
}

func TestCluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, 0, "--cluster-require-full-coverage", "no")
	t.Run("suite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) features.Store {
			for _, node := range cluster.Nodes {
				node.Do("flushall")
			}
			return open(t, patient(cluster.URL()))
		})
	})
	victim := cluster.Nodes[1]
	users := usersByNode(t, cluster)
	t.Run("a node hangs", func(t *testing.T) {
		s := open(t, Options{URL: cluster.URL()})
		defer s.Close()
		oneNodeDown(t, s, users, victim, victim.Hang)
		victim.Resume()
		for _, user := range users[victim] {
			eventually(t, "an answer for "+user, answers(s, user))
		}
	})
	t.Run("a node is killed", func(t *testing.T) {
		s := open(t, Options{URL: cluster.URL()})
		defer s.Close()
		oneNodeDown(t, s, users, victim, victim.Kill)
	})
}

// oneNodeDown takes a node away. The users of the others have to be answered, and all callers on time.
func oneNodeDown(t *testing.T, s *Store, users map[*redistest.Server][]string, victim *redistest.Server, down func()) {
	for _, of := range users {
		for _, user := range of {
			eventually(t, "an answer for "+user, answers(s, user))
		}
	}
	down()
	time.Sleep(300 * time.Millisecond) // for the circuits of its users to see it
	var failed, asked int
	var took []time.Duration
	for range 20 {
		for node, of := range users {
			for _, user := range of {
				_, d, err := fetch(s, user)
				took = append(took, d)
				switch {
				case node != victim:
					asked++
					if err != nil {
						failed++
					}
				case err == nil:
					t.Fatalf("%s was answered by a node that is down", user)
				}
			}
		}
	}
	wantPunctual(t, took)
	// A node's slots may begin and end within a lane, which then shares its circuit: that is up to 2 of 16 lanes.
	if failed > asked/4 {
		t.Errorf("%d of %d calls for users of the other nodes failed", failed, asked)
	}
}

// TestFailoverIsNoticed kills a master that has a replica. The cluster promotes it; the store has to follow soon, where
// go-redis' defaults were still failing 11 s after the promotion.
func TestFailoverIsNoticed(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, 1)
	s := open(t, Options{URL: cluster.URL()})
	defer s.Close()
	victim := cluster.Nodes[0]
	user := ""
	for i := 0; user == ""; i++ {
		if u := fmt.Sprint("u", i); cluster.Master(Key(u)) == victim {
			user = u
		}
	}
	eventually(t, "an answer", answers(s, user))
	victim.Kill()
	eventually(t, "a failure", func() bool { return !answers(s, user)() })
	eventually(t, "the promotion", func() bool { return cluster.Master(Key(user)) != nil })
	promoted := time.Now()
	eventually(t, "an answer from the replica", answers(s, user))
	t.Logf("answered %v after the promotion", time.Since(promoted).Round(time.Millisecond))
	if d := time.Since(promoted); d > 3*time.Second {
		t.Errorf("the store took %v to follow the cluster", d)
	}
}
