package main

import "testing"

// The commands that ask a service find the one that was started with the same environment.
func TestServerAddress(t *testing.T) {
	for _, c := range []struct{ httpAddr, server, want string }{
		{"", "", "http://127.0.0.1:8080"},
		{":8099", "", "http://127.0.0.1:8099"},
		{"0.0.0.0:8099", "", "http://127.0.0.1:8099"},
		{"[::]:8099", "", "http://127.0.0.1:8099"},
		{"10.1.2.3:80", "", "http://10.1.2.3:80"},
		{"[::1]:80", "", "http://[::1]:80"},
		{"nonsense", "", "http://127.0.0.1:8080"},
		{":8099", "https://nextbest.example", "https://nextbest.example"},
	} {
		t.Setenv("HTTP_ADDR", c.httpAddr)
		t.Setenv("NEXTBEST_SERVER", c.server)
		if got := serverAddress(); got != c.want {
			t.Errorf("HTTP_ADDR %q, NEXTBEST_SERVER %q: %s, want %s", c.httpAddr, c.server, got, c.want)
		}
	}
}
