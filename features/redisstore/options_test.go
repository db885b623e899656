package redisstore

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

func TestParseURL(t *testing.T) {
	type want struct {
		Addrs                                []string
		User, Password, Master, SentinelUser string
		DB, Pool                             int
		Cluster, TLS                         bool
		ServerName                           string
	}
	for url, w := range map[string]want{
		"redis://localhost":                      {Addrs: []string{"localhost:6379"}},
		"localhost:1":                            {Addrs: []string{"localhost:1"}},
		"redis://h:1/3?pool_size=7":              {Addrs: []string{"h:1"}, DB: 3, Pool: 7},
		"redis://u:p%40,w@h:1":                   {Addrs: []string{"h:1"}, User: "u", Password: "p@,w"},
		"rediss://h:1":                           {Addrs: []string{"h:1"}, TLS: true, ServerName: "h"},
		"unix:///run/redis.sock":                 {Addrs: []string{"/run/redis.sock"}},
		"a:1,b:2,c:3":                            {Addrs: []string{"a:1", "b:2", "c:3"}, Cluster: true},
		"rediss://u:p@a:1,[::1]:2/?cluster=true": {Addrs: []string{"a:1", "[::1]:2"}, Cluster: true, TLS: true, User: "u", Password: "p"},
		"redis://a:1?cluster=true":               {Addrs: []string{"a:1"}, Cluster: true},
		"redis://:pw@a:1,b:2/1?master_name=m&sentinel_username=s": {
			Addrs: []string{"a:1", "b:2"}, Password: "pw", DB: 1, Master: "m", SentinelUser: "s",
		},
	} {
		u, err := parseURL(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		got := want{
			Addrs: u.Addrs, User: u.Username, Password: u.Password, Master: u.MasterName, SentinelUser: u.SentinelUsername,
			DB: u.DB, Pool: u.PoolSize, Cluster: u.IsClusterMode, TLS: u.TLSConfig != nil,
		}
		if got.TLS {
			got.ServerName = u.TLSConfig.ServerName
		}
		if diff := cmp.Diff(w, got); diff != "" {
			t.Errorf("%s: %s", url, diff)
		}
	}
}

func TestBadURLsAreRefusedWithoutTheirPassword(t *testing.T) {
	for _, url := range []string{
		"", "http://h", "redis://u:hush@h:x", "redis://u:hush@h:1/x", "redis://u:hush@h:1?nonsense=1", "redis://u:hush@h:1,b",
		"redis://u:hush@h:1,b:2/3", "redis://u:hush@h:1?cluster=maybe", "redis://u:hush\x7f@h", "redis://u:hu%sh@h",
	} {
		_, err := New(Options{URL: url})
		if err == nil {
			t.Errorf("%q was taken", url)
		} else if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "hu%sh") {
			t.Errorf("%q: %v shows the password", url, err)
		}
	}
	if _, err := New(Options{URL: "h:1", BreakAfter: -1}); err == nil {
		t.Error("a negative limit was taken")
	}
}

// TestClientsHonourDeadlines looks at the settings that go-redis has wrong for us by default, in every kind of client.
func TestClientsHonourDeadlines(t *testing.T) {
	for _, url := range []string{"redis://h:1", "h:1,i:1", "redis://h:1?master_name=m"} {
		o := Options{URL: url}.withDefaults()
		client, err := newClient(o)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if c, ok := client.(*redis.ClusterClient); ok {
			c := c.Options()
			if !c.ContextTimeoutEnabled || c.ReadTimeout != o.Timeout || c.DialTimeout != o.DialTimeout ||
				c.DialerRetries != 1 || c.MaxRetries > 0 || c.ClusterStateReloadInterval != stateReloadInterval {
				t.Errorf("%s: %+v", url, c)
			}
			continue
		}
		c := client.(*redis.Client).Options()
		if !c.ContextTimeoutEnabled || c.ReadTimeout != o.Timeout || c.WriteTimeout != o.Timeout || c.PoolTimeout != o.Timeout ||
			c.DialTimeout != o.DialTimeout || c.DialerRetries != 1 || c.MaxRetries > 0 {
			t.Errorf("%s: %+v", url, c)
		}
	}
}
