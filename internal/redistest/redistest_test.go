package redistest

import (
	"strings"
	"testing"
)

func TestServerLivesAndDies(t *testing.T) {
	s := Start(t)
	s.Do("set", "k", "v")
	if got := s.Do("get", "k"); got != "v" {
		t.Fatalf("get k = %q", got)
	}
	s.Kill()
	if answers(s.Addr) {
		t.Fatal("a killed server answers")
	}
	s.Restart()
	if got := s.Do("get", "k"); got != "" {
		t.Fatalf("a restarted server still has k = %q", got)
	}
}

func TestHungServerDiesWithTheTest(t *testing.T) {
	var s *Server
	t.Run("hang", func(t *testing.T) {
		s = Start(t)
		s.Hang()
	})
	if s.process != nil {
		t.Fatal("the server outlived its test")
	}
}

func TestClusterServesEverySlot(t *testing.T) {
	c := StartCluster(t, 3, 0)
	if info := c.Nodes[2].Do("cluster", "info"); !strings.Contains(info, "cluster_slots_ok:16384") {
		t.Fatalf("cluster info:\n%s", info)
	}
}
