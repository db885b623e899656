package eventlog

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/nextbest/nextbest/decision"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

func adminRecord(i int) *logv1.Record {
	return &logv1.Record{TimeUnixNanos: int64(i), Body: &logv1.Record_Admin{Admin: &logv1.Admin{
		Kind: "kill.set", Actor: "ann", Subject: fmt.Sprint("action-", i), After: []byte(`{"killed":true}`),
	}}}
}

// recordBytes returns a log's records, byte for byte.
func recordBytes(t *testing.T, dir string) [][]byte {
	t.Helper()
	l, _, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := l.NewReader(0)
	defer r.Close()
	var all [][]byte
	for {
		_, b, err := r.TryNext()
		if err != nil {
			return all
		}
		all = append(all, slices.Clone(b))
	}
}

// rewritten is a log of the given records, with every checksum right: what somebody leaves who knows the format.
func rewritten(t *testing.T, records [][]byte) ChainReport {
	t.Helper()
	return verifiedWith(t, records, Head{})
}

func verifiedWith(t *testing.T, records [][]byte, anchor Head) ChainReport {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	l, _, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range records {
		if _, err := l.Append(t.Context(), b, decision.Process); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	read, _, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	report, err := VerifyChain(read, anchor)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// chainedLog returns the records of a log with n administrative records among others, and the head.
func chainedLog(t *testing.T, n int) ([][]byte, Head) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	l, _, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEvents(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := e.Append(t.Context(), adminRecord(i), decision.Process); err != nil {
			t.Fatal(err)
		}
		reward := &logv1.Record{Body: &logv1.Record_Reward{Reward: &logv1.Reward{Loop: "shop", EventId: fmt.Sprint(i), RewardId: "r"}}}
		if _, err := e.Append(t.Context(), reward, decision.Process); err != nil {
			t.Fatal(err)
		}
	}
	head := e.ChainHead()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return recordBytes(t, dir), head
}

func TestTheChainFindsWhatWasDoneToIt(t *testing.T) {
	const n = 200
	records, head := chainedLog(t, n)
	if r := rewritten(t, records); !r.Sound() || r.Entries != n || r.Head != head.Link.String() {
		t.Fatalf("untouched: %+v", r)
	}
	const at = 100 // of an administrative record: they are the even ones
	for _, tc := range []struct {
		name  string
		touch func(all [][]byte) [][]byte
		first int // position of the first bad record
	}{
		{"edit", func(all [][]byte) [][]byte {
			r, _ := Unmarshal(all[at])
			r.GetAdmin().Actor = "bob"
			all[at], _ = Marshal(r)
			return all
		}, at + 1},
		{"delete", func(all [][]byte) [][]byte { return slices.Delete(all, at, at+1) }, at + 2},
		{"insert", func(all [][]byte) [][]byte { return slices.Insert(all, at, all[at-2]) }, at + 1},
		{"insert without a link", func(all [][]byte) [][]byte {
			b, _ := Marshal(adminRecord(7))
			return slices.Insert(all, at, b)
		}, at + 1},
		{"reorder", func(all [][]byte) [][]byte { all[at], all[at+2] = all[at+2], all[at]; return all }, at + 1},
		{"renumber", func(all [][]byte) [][]byte {
			r, _ := Unmarshal(all[at])
			r.ChainNumber++
			all[at], _ = Marshal(r)
			return all
		}, at + 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := rewritten(t, tc.touch(slices.Clone(records)))
			if r.Sound() {
				t.Fatal("nothing was found")
			}
			if got := int(r.Broken[0].Position); got != tc.first {
				t.Errorf("the first bad record is said to be at %d, want %d: %s", got, tc.first, r.Broken[0].Problem)
			}
		})
	}
}

func TestTheAnchorFindsWhatTheChainCannot(t *testing.T) {
	const n = 50
	records, head := chainedLog(t, n)
	if r := verifiedWith(t, records, head); !r.Sound() {
		t.Fatalf("untouched: %+v", r.Broken)
	}
	short := records[:len(records)-4]
	if r := rewritten(t, short); !r.Sound() {
		t.Errorf("a chain whose end is cut off is sound in itself: %+v", r.Broken)
	}
	if r := verifiedWith(t, short, head); r.Sound() {
		t.Error("the anchor does not miss the end that was cut off")
	}
	remade, _ := chainedLog(t, n-1)
	dir := filepath.Join(t.TempDir(), "log")
	l, _, _ := Open(dir, Options{})
	e, err := NewEvents(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		r := adminRecord(i)
		if i == 10 {
			r.GetAdmin().Actor = "mallory"
		}
		if _, err := e.Append(t.Context(), r, decision.Process); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r := verifiedWith(t, recordBytes(t, dir), Head{}); !r.Sound() || len(remade) == 0 {
		t.Errorf("a chain that was made anew is sound in itself: %+v", r.Broken)
	}
	if r := verifiedWith(t, recordBytes(t, dir), head); r.Sound() {
		t.Error("the anchor takes a chain that was made anew for the one it is of")
	}
	parsed, err := ParseHead(head.String())
	if err != nil || parsed != head {
		t.Errorf("%q is read as %v, %v", head, parsed, err)
	}
	for _, bad := range []string{"", "7", "7:xyz", "x:" + head.Link.String(), "0:" + head.Link.String()} {
		if _, err := ParseHead(bad); err == nil {
			t.Errorf("%q passes for an anchor", bad)
		}
	}
}

func TestTheChainGoesOnAfterARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	for range 3 {
		l, _, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		e, err := NewEvents(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 50 { // at once
			all.Go(func() {
				ctx, cancel := context.WithCancel(context.Background())
				if i%5 == 0 {
					cancel() // some do not wait to hear what became of theirs
				}
				defer cancel()
				_, _ = e.Append(ctx, adminRecord(i), decision.Fsync)
			})
		}
		all.Wait()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l, _, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	report, err := VerifyChain(l, Head{})
	if err != nil || !report.Sound() || report.Entries < 3*40 || report.Number != report.Entries {
		t.Errorf("%+v, %v", report, err)
	}
}
