package eventlog

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/decision"
)

// logModel is the log as a slice, beside a real one that is closed, crashed, torn, trimmed and opened again.
type logModel struct {
	t     testing.TB
	dir   string
	o     Options
	log   *Log
	want  []record // what the log must have, in order
	last  Position // the greatest position ever acknowledged
	count int
}

func (m *logModel) open() {
	l, r, err := Open(m.dir, m.o)
	if err != nil {
		m.t.Fatal(err)
	}
	if len(r.Damage) > 0 {
		m.t.Fatalf("recovery found damage: %+v", r)
	}
	m.log = l
}

func (m *logModel) append(size int, d decision.Durability) {
	payload := fmt.Sprintf("%d:", m.count) + string(bytes.Repeat([]byte{byte('a' + m.count%26)}, size))
	m.count++
	pos, err := m.log.Append(context.Background(), []byte(payload), d)
	if err != nil || pos <= m.last {
		m.t.Fatalf("position %d after %d: %v", pos, m.last, err)
	}
	m.last = pos
	m.want = append(m.want, record{pos, payload})
}

// crash goes on from a copy of the files as they are now, with garbage behind the last segment's end.
func (m *logModel) crash(garbage []byte) {
	dir, err := os.MkdirTemp(m.t.TempDir(), "crash")
	if err != nil {
		m.t.Fatal(err)
	}
	copyDir(m.t, m.dir, dir)
	if err := m.log.Close(); err != nil {
		m.t.Fatal(err)
	}
	files := segmentFiles(m.t, dir)
	f, err := os.OpenFile(files[len(files)-1], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := f.Write(garbage); err != nil {
		m.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		m.t.Fatal(err)
	}
	m.dir = dir
	m.open()
}

func (m *logModel) dropBefore(pos Position) {
	if err := m.log.DropBefore(pos); err != nil {
		m.t.Fatal(err)
	}
	first := m.log.Stats().First
	for len(m.want) > 0 && m.want[0].pos < first {
		if m.want[0].pos >= pos {
			m.t.Fatalf("DropBefore(%d) dropped %d", pos, m.want[0].pos)
		}
		m.want = m.want[1:]
	}
}

func (m *logModel) check() {
	if diff := cmp.Diff(m.want, readAll(m.t, m.log, 0), cmp.AllowUnexported(record{})); diff != "" {
		m.t.Fatal(diff)
	}
	for _, w := range m.want {
		if got, err := m.log.Read(w.pos); err != nil || string(got) != w.payload {
			m.t.Fatalf("Read(%d) = %q, %v", w.pos, got, err)
		}
	}
	if n := len(m.want); n > 0 && m.log.End() != m.want[n-1].pos+1 {
		m.t.Fatalf("End = %d after %d", m.log.End(), m.want[n-1].pos)
	}
}

func (m *logModel) verify() {
	if err := m.log.Sync(context.Background()); err != nil {
		m.t.Fatal(err)
	}
	if r, err := Verify(m.dir); err != nil || !r.Sound() || r.Records != uint64(len(m.want)) {
		m.t.Fatalf("Verify = %+v, %v, want %d records", r, err, len(m.want))
	}
}

func TestTheLogAgreesWithASlice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &logModel{t: t, dir: t.TempDir(), o: Options{
			SegmentBytes: rapid.Int64Range(200, 5000).Draw(rt, "segment bytes"),
			BlockBytes:   rapid.IntRange(50, 2000).Draw(rt, "block bytes"),
			SyncEvery:    time.Duration(rapid.IntRange(1, 50).Draw(rt, "sync every")) * time.Millisecond,
		}}
		m.open()
		defer func() { m.log.Close() }()
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0, 1, 2:
				for range rapid.IntRange(1, 20).Draw(rt, "records") {
					m.append(rapid.IntRange(0, 700).Draw(rt, "size"), decision.Process)
				}
				m.append(rapid.IntRange(0, 700).Draw(rt, "size"), decision.Durability(rapid.IntRange(0, 1).Draw(rt, "durability")))
			case 3:
				if err := m.log.Close(); err != nil {
					rt.Fatal(err)
				}
				m.open()
			case 4:
				m.crash(rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(rt, "garbage"))
			case 5:
				m.dropBefore(m.last - min(m.last, Position(rapid.IntRange(0, 60).Draw(rt, "keep"))))
			}
			m.check()
		}
		m.verify()
	})
}
