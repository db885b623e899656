package review

import (
	"fmt"
	"testing"

	"github.com/nextbest/nextbest/audit"
)

func TestQueue(t *testing.T) {
	q := &Queue{Share: 0.2, Most: 5000}
	for i := range 10_000 {
		q.Offer(Item{Loop: []string{"shop", "blog"}[i%2], Event: fmt.Sprint("e", i), Action: "a"})
	}
	items, all := q.Waiting("", 3)
	// Of 10,000 at 0.2: standard deviation 40; beyond five of them with probability 6e-7.
	if all < 1800 || all > 2200 || len(items) != 3 {
		t.Errorf("%d of 10,000 are drawn, want 2,000 ± 200; %d are shown of 3", all, len(items))
	}
	first := items[0]
	q.Apply(audit.Entry{Kind: Verdict, Loop: first.Loop, Subject: first.Event})
	q.Apply(audit.Entry{Kind: "kill.set", Loop: items[1].Loop, Subject: items[1].Event})
	if rest, n := q.Waiting("", 1); n != all-1 || rest[0] != items[1] {
		t.Errorf("after a verdict %d wait, first %v", n, rest)
	}
	if _, shop := q.Waiting("shop", 1); shop == 0 || shop >= all {
		t.Errorf("%d of shop's", shop)
	}
	again := &Queue{Share: 0.2, Most: 5000}
	for i := range 10_000 {
		again.Offer(Item{Loop: []string{"shop", "blog"}[i%2], Event: fmt.Sprint("e", i), Action: "a"})
	}
	if other, n := again.Waiting("", 1); n != all || other[0] != first {
		t.Errorf("another draw of the same decisions: %d, first %v", n, other)
	}
}

func TestQueueIsBoundedAndSilentWithoutAShare(t *testing.T) {
	q := &Queue{Share: 1, Most: 10}
	for i := range 100 {
		q.Offer(Item{Loop: "shop", Event: fmt.Sprint(i), Action: "a"})
	}
	q.Offer(Item{Loop: "shop", Event: "nothing was served"})
	if items, all := q.Waiting("", 100); all != 10 || items[0].Event != "90" {
		t.Errorf("%d wait, first %v", all, items[0])
	}
	if none := (&Queue{Most: 10}); none.Draws("shop", "e") {
		t.Error("something is drawn without a share")
	}
}
