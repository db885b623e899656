package model

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/nextbest/nextbest/features"
)

// TestMostColumnsIsTheLargestThatFits for numbers of actions up to the most.
func TestMostColumnsIsTheLargestThatFits(t *testing.T) {
	for actions := 1; actions <= 1000; actions++ {
		n := mostColumns(actions)
		if actions*packedSize(n) > mostOwnWeights || actions*packedSize(n+block) <= mostOwnWeights {
			t.Fatalf("%d actions may have %d columns", actions, n)
		}
	}
}

// TestColumnsThatComeAfterActionsAreBounded serves 250 actions first. Then the context grows by a feature a decision, to
// more than there is memory for; a mixture that is written and read again on the way goes on alike.
func TestColumnsThatComeAfterActionsAreBounded(t *testing.T) {
	const actions = 250
	one, other := NewMixture(MixtureOptions{}), NewMixture(MixtureOptions{})
	all := make([]Candidate, actions)
	for i := range all {
		all[i].ID = fmt.Sprint(i)
	}
	context := features.Set{{Name: "a", Value: features.NumberValue(1)}}
	for i := range lastChoice - 1 { // The last choice would have all blocks take on the new columns, and the test be slow.
		served := i
		if i >= actions {
			served = i % 10
			if i < lastChoice-20 {
				context = append(context[:len(context):len(context)], features.Feature{Name: fmt.Sprintf("b%03d", i), Value: features.TextValue("x")})
			}
		}
		for _, m := range []*Mixture{one, other} {
			m.Observe(context, all)
			x := m.Encode(context, all[served])
			m.Settle(&x, float64(i%2), 1)
		}
		if i%50 == 49 {
			again := NewMixture(MixtureOptions{})
			if err := again.UnmarshalBinary(must(other.AppendBinary(nil))); err != nil {
				t.Fatal(err)
			}
			other = again
		}
	}
	if !bytes.Equal(must(one.AppendBinary(nil)), must(other.AppendBinary(nil))) {
		t.Error("written and read again on the way it is another")
	}
	columns := len(one.design.rows[fullRow].columns)
	if columns != mostColumns(actions) || actions*packedSize(columns) > mostOwnWeights {
		t.Errorf("%d columns", columns)
	}
	for kind, k := range one.members {
		numbers := 0
		for _, b := range k.ridge.blocks {
			if b != nil {
				numbers = max(numbers, len(b.settled.xx), len(b.posterior.covariance))
			}
		}
		if bound := packedSize(columns + recentTerms); numbers > bound {
			t.Errorf("a block of member %d has matrices of %d numbers, more than %d", kind, numbers, bound)
		}
	}
}
