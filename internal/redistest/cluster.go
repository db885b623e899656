package redistest

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Cluster is a Redis Cluster whose masters share the slots evenly.
type Cluster struct {
	Nodes []*Server // the masters first, each of their replicas after them
}

// StartCluster runs a cluster with a number of replicas per master until the test ends, and returns when every node
// can answer for every slot. Nodes are found dead within about a second.
func StartCluster(t testing.TB, masters, replicas int, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{}
	for range masters * (1 + replicas) {
		c.Nodes = append(c.Nodes, Start(t, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"}, args...)...))
	}
	create := append([]string{"--cluster", "create"}, c.Addrs()...)
	cli(t, append(create, "--cluster-replicas", strconv.Itoa(replicas), "--cluster-yes")...)
	for deadline := time.Now().Add(startTimeout); !c.healthy(masters, replicas); time.Sleep(20 * time.Millisecond) {
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

// Master returns the node that serves a key, or nil while none does.
func (c *Cluster) Master(key string) *Server {
	for _, s := range c.Nodes {
		out, err := exec.Command("redis-cli", "-e", "-p", strconv.Itoa(s.Port()), "exists", key).Output()
		if err == nil && strings.TrimSpace(string(out)) != "" {
			return s
		}
	}
	return nil
}

func (c *Cluster) healthy(masters, replicas int) bool {
	for _, s := range c.Nodes {
		info := s.Do("cluster", "info")
		if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_size:%d\r", masters)) ||
			strings.Count(s.Do("cluster", "nodes"), "slave ") != masters*replicas {
			return false
		}
	}
	if replicas == 0 {
		return true
	}
	for _, s := range c.Nodes { // a replica that never synced is not promoted
		if r := s.Do("info", "replication"); strings.Contains(r, "role:slave") && !strings.Contains(r, "master_link_status:up") {
			return false
		}
	}
	return true
}
