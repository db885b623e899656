package loop_test

import (
	"testing"

	"github.com/nextbest/nextbest/loop"
)

func TestShippedLoops(t *testing.T) {
	ds, err := loop.Load("../loops")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range ds {
		names = append(names, d.Loop.Name)
	}
	if len(ds) != 2 || names[0] != "email-campaign" || names[1] != "homepage" {
		t.Fatalf("loaded %v", names)
	}
}
