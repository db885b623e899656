package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/features/redisstore"
	"github.com/nextbest/nextbest/features/storetest"
	"github.com/nextbest/nextbest/internal/redistest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, dir string, o Options) (*Store, Recovery) {
	t.Helper()
	s, r, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	for name, o := range map[string]Options{"process": {}, "fsync": {Fsync: true}, "compacting": {CompactBytes: 1 << 10}} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) features.Store {
				s, _ := open(t, t.TempDir(), o)
				return s
			})
		})
	}
}

// TestSameAsRedis compares the store, through restarts and compactions, with a real Redis.
func TestSameAsRedis(t *testing.T) {
	server := redistest.Start(t)
	redis, err := redisstore.New(redisstore.Options{URL: server.URL(), Timeout: 1e10, DialTimeout: 1e10})
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	dir := t.TempDir()
	s, _ := open(t, dir, Options{CompactBytes: 1 << 16})
	defer func() { closeStore(t, s) }()
	n := 0
	storetest.Compare(t, redis, s, func() features.Store {
		if n++; n%3 == 0 {
			if err := s.Compact(); err != nil {
				t.Fatal(err)
			}
		}
		closeStore(t, s)
		s, _ = open(t, dir, Options{CompactBytes: 1 << 16})
		return s
	})
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, Options{})
	defer closeStore(t, s)
	if _, _, err := Open(dir, Options{}); !errors.Is(err, eventlog.ErrLocked) {
		t.Errorf("%v, want ErrLocked", err)
	}
}

// contents returns every user's features.
func contents(s *Store) map[string]map[string]string {
	all := map[string]map[string]string{}
	for i := range s.table.shards {
		for _, r := range s.table.shards[i].list() {
			all[r.user] = map[string]string{}
			for _, f := range r.fields {
				all[r.user][f.name] = f.text
			}
		}
	}
	return all
}

// TestCompactionWhileChanging takes snapshots while many callers put and delete, and expects a restart to find what
// memory held.
func TestCompactionWhileChanging(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, Options{CompactBytes: -1})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 300 {
				user := fmt.Sprint("u", (w*7+i)%50)
				err := s.Put(t.Context(), user, map[string]string{fmt.Sprint("f", w): fmt.Sprint(i), "last": fmt.Sprint(w, i)})
				if err == nil && i%10 == 0 {
					err = s.Delete(t.Context(), user)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 10 {
		if err := s.Compact(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	want := contents(s)
	closeStore(t, s)
	s, r := open(t, dir, Options{CompactBytes: -1})
	defer closeStore(t, s)
	if diff := cmp.Diff(want, contents(s)); diff != "" {
		t.Errorf("after the restart (-before +after): %s", diff)
	}
	if r.Users != len(want) || r.Damaged != 0 || r.Skipped != 0 {
		t.Errorf("%+v", r)
	}
}

func TestJournalStaysBounded(t *testing.T) {
	dir := t.TempDir()
	const limit = 1 << 20
	s, _ := open(t, dir, Options{CompactBytes: limit})
	noise := make([]byte, 4<<10)
	for i := range 2000 { // 8 MB to the same ten users
		for j := range noise {
			noise[j] = byte('a' + (i*31+j*j*7+j/3)%26)
		}
		if err := s.Put(t.Context(), fmt.Sprint("u", i%10), map[string]string{"f": strconv.Itoa(i) + string(noise)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Compact(); err != nil {
		t.Fatal(err)
	}
	st := s.Stats()
	if raw := st.Journal.RawBytes; raw < 4*limit {
		t.Fatalf("the journal was only given %d bytes", raw)
	}
	if st.Journal.Bytes > limit || st.Users != 10 {
		t.Errorf("%+v", st)
	}
	closeStore(t, s)
	s, r := open(t, dir, Options{CompactBytes: limit})
	defer closeStore(t, s)
	if r.Users != 10 || r.Replayed > 1000 {
		t.Errorf("%+v", r)
	}
}

func TestLeftOverTemporarySnapshotIsIgnored(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, Options{})
	if err := s.Put(t.Context(), "u", map[string]string{"a": "1"}); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	temp := filepath.Join(dir, snapshotTemp)
	if err := os.WriteFile(temp, []byte("half a snap"), 0o666); err != nil {
		t.Fatal(err)
	}
	s, r := open(t, dir, Options{})
	defer closeStore(t, s)
	if _, err := os.Stat(temp); !errors.Is(err, os.ErrNotExist) || r.Users != 1 {
		t.Errorf("%v, %+v", err, r)
	}
}

// TestJournalFailure has the journal's disk fail: changes say so, reads go on, and what was refused is not there.
func TestJournalFailure(t *testing.T) {
	files := &failingFiles{}
	s, _ := open(t, t.TempDir(), Options{Journal: files})
	defer s.Close()
	if err := s.Put(t.Context(), "u", map[string]string{"a": "1"}); err != nil {
		t.Fatal(err)
	}
	files.fail(true)
	err := s.Put(t.Context(), "u", map[string]string{"a": "2"})
	var se *features.StoreError
	if !errors.As(err, &se) || se.Reason != features.ReasonJournal || !errors.Is(err, eventlog.ErrFailed) {
		t.Fatalf("put: %v", err)
	}
	raw, err := s.Fetch(t.Context(), "u", []string{"a"})
	if err != nil || raw[0].Text != "1" {
		t.Errorf("fetch: %v, %v", raw, err)
	}
	files.fail(false)
	deadline := time.Now().Add(30 * time.Second)
	for err = s.Put(t.Context(), "u", map[string]string{"a": "3"}); err != nil; err = s.Put(t.Context(), "u", map[string]string{"a": "3"}) {
		if time.Now().After(deadline) {
			t.Fatalf("the journal does not recover: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if raw, err := s.Fetch(t.Context(), "u", []string{"a"}); err != nil || raw[0].Text != "3" {
		t.Errorf("fetch: %v, %v", raw, err)
	}
}

// failingFiles are files on disk whose writes can be made to fail.
type failingFiles struct {
	mu     sync.Mutex
	failed bool
}

type failingFile struct {
	*os.File
	of *failingFiles
}

func (f *failingFiles) fail(v bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = v
}

func (f *failingFiles) error() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed {
		return errors.New("no space left on device")
	}
	return nil
}

func (f *failingFiles) Create(name string) (eventlog.File, error) {
	if err := f.error(); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o666)
	return failingFile{file, f}, err
}

func (f *failingFiles) SyncDir(string) error { return f.error() }

func (f failingFile) Write(b []byte) (int, error) {
	if err := f.of.error(); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func BenchmarkFetch(b *testing.B) {
	s, _ := open(b, b.TempDir(), Options{})
	defer s.Close()
	names := []string{"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"}
	values := map[string]string{}
	for i, name := range names {
		values[name] = fmt.Sprint(float64(i) * 1.25)
	}
	const users = 2000
	ids := make([]string, users)
	for u := range ids {
		ids[u] = fmt.Sprint("u", u)
		if err := s.Put(b.Context(), ids[u], values); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		ctx, i := context.Background(), 0
		for b.Loop() {
			if raw, err := s.Fetch(ctx, ids[i%users], names); err != nil || !raw[7].Present {
				b.Fatal(raw, err)
			}
			i++
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(16) // times the processors
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if raw, err := s.Fetch(context.Background(), ids[i%users], names); err != nil || !raw[7].Present {
					b.Error(raw, err)
				}
			}
		})
	})
}

func BenchmarkPut(b *testing.B) {
	for name, o := range map[string]Options{"process": {}, "fsync": {Fsync: true}} {
		b.Run(name, func(b *testing.B) {
			s, _ := open(b, b.TempDir(), o)
			defer s.Close()
			values := map[string]string{"a": "1", "b": strings.Repeat("x", 20)}
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if err := s.Put(context.Background(), fmt.Sprint("u", i%1000), values); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
