package redistest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Cluster is a Redis Cluster of masters that share the slots evenly.
type Cluster struct {
	Nodes []*Server
}

// StartCluster runs a cluster of n masters until the test ends, and returns when every node can answer for every slot.
func StartCluster(t testing.TB, n int) *Cluster {
	t.Helper()
	c := &Cluster{}
	for range n {
		c.Nodes = append(c.Nodes, Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000"))
	}
	args := append([]string{"--cluster", "create"}, c.Addrs()...)
	cli(t, append(args, "--cluster-yes")...)
	for deadline := time.Now().Add(startTimeout); !c.healthy(n); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the cluster does not form:\n%s", c.Nodes[0].Do("cluster", "info"))
		}
	}
	return c
}

// Addrs returns the nodes' addresses.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.Nodes))
	for i, s := range c.Nodes {
		addrs[i] = s.Addr
	}
	return addrs
}

// URL returns the nodes' addresses as redisstore takes them.
func (c *Cluster) URL() string { return strings.Join(c.Addrs(), ",") }

func (c *Cluster) healthy(n int) bool {
	for _, s := range c.Nodes {
		info := s.Do("cluster", "info")
		if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_size:%d", n)) {
			return false
		}
	}
	return true
}
