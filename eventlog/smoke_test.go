package eventlog

import (
	"context"
	"fmt"
	"testing"

	"github.com/nextbest/nextbest/decision"
)

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	for k := range 3 {
		l, r, err := Open(dir, Options{SegmentBytes: 2000})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", r)
		for i := range 100 {
			pos, err := l.Append(context.Background(), fmt.Appendf(nil, "record %d %d", k, i), decision.Durability(i%2))
			if err != nil {
				t.Fatal(err)
			}
			b, err := l.Read(pos)
			if err != nil || string(b) != fmt.Sprintf("record %d %d", k, i) {
				t.Fatal(string(b), err)
			}
		}
		rd := l.NewReader(1)
		for i := range (k + 1) * 100 {
			pos, b, err := rd.Next(context.Background())
			if err != nil || string(b) != fmt.Sprintf("record %d %d", i/100, i%100) {
				t.Fatal(pos, string(b), err)
			}
		}
		t.Logf("%+v", l.Stats())
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		v, err := Verify(dir)
		t.Logf("%v %+v %v", v.Sound(), v, err)
	}
}
