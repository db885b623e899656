package redisstore

import (
	"fmt"
	"testing"
	"time"

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

// TestOneNodeDown takes a master of a cluster away, by a hang and by a kill: the users of the others are answered.
func TestOneNodeDown(t *testing.T) {
	for _, fault := range []struct {
		name     string
		down, up func(*redistest.Server)
	}{
		{"hung", (*redistest.Server).Hang, (*redistest.Server).Resume},
		{"killed", (*redistest.Server).Kill, nil},
	} {
		t.Run(fault.name, func(t *testing.T) {
			cluster := redistest.StartCluster(t, 3, 0, "--cluster-require-full-coverage", "no")
			s := open(t, Options{URL: cluster.URL()})
			defer s.Close()
			users := usersByNode(t, cluster)
			for _, of := range users {
				for _, user := range of {
					eventually(t, "an answer for "+user, answers(s, user))
				}
			}
			victim := cluster.Nodes[1]
			fault.down(victim)
			time.Sleep(300 * time.Millisecond) // for the circuits of its users to see it
			var failed, asked int
			var took []time.Duration
			for range 20 {
				for node, of := range users {
					for _, user := range of {
						_, d, err := fetch(s, user)
						took = append(took, d)
						if node == victim {
							if err == nil {
								t.Fatalf("%s was answered by a node that is down", user)
							}
							continue
						}
						asked++
						if err != nil {
							failed++
						}
					}
				}
			}
			wantPunctual(t, took)
			// A slot boundary may lie within a lane, which then shares its circuit: of 16 lanes, 2 of 3 nodes' share.
			if failed > asked/4 {
				t.Errorf("%d of %d calls for users of the other nodes failed", failed, asked)
			}
			if fault.up == nil {
				return
			}
			fault.up(victim)
			for _, user := range users[victim] {
				eventually(t, "an answer for "+user, answers(s, user))
			}
		})
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
