package embedded

import (
	"slices"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
)

const (
	shardCount = 64
	// maxInterned bounds the names that are kept once for all users; a schema has tens.
	maxInterned = 1 << 16
)

// table holds every user's fields. One goroutine changes it, any may read it.
type table struct {
	shards [shardCount]shard
	names  map[string]string // of the writer: each name once
}

// shard holds some of the users. A user's fields are ordered by name and never changed in place.
type shard struct {
	mu    sync.RWMutex
	users map[string][]field
}

func newTable() *table {
	t := &table{names: map[string]string{}}
	for i := range t.shards {
		t.shards[i].users = map[string][]field{}
	}
	return t
}

func (t *table) shard(user string) *shard { return &t.shards[xxhash.Sum64String(user)%shardCount] }

// get returns a user's fields, not to be changed, nil when there are none.
func (t *table) get(user string) []field {
	s := t.shard(user)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.users[user]
}

// apply makes a record's change. Only the writer calls it.
func (t *table) apply(r record) {
	s := t.shard(r.user)
	if r.op == opDelete {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.users, r.user)
		return
	}
	for i := range r.fields {
		r.fields[i].name = t.intern(r.fields[i].name)
	}
	merged := merge(s.users[r.user], r.fields) // the writer needs no lock to read
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[r.user] = merged
}

func (t *table) intern(name string) string {
	if known, ok := t.names[name]; ok {
		return known
	}
	if len(t.names) < maxInterned {
		t.names[name] = name
	}
	return name
}

// merge returns the fields of both, those of the later one where both have a name.
func merge(old, later []field) []field {
	if len(old) == 0 {
		return later
	}
	merged := make([]field, 0, len(old)+len(later))
	for _, f := range later {
		for len(old) > 0 && old[0].name < f.name {
			merged = append(merged, old[0])
			old = old[1:]
		}
		if len(old) > 0 && old[0].name == f.name {
			old = old[1:]
		}
		merged = append(merged, f)
	}
	return slices.Clip(append(merged, old...))
}

// find returns the text of a name.
func find(fields []field, name string) (string, bool) {
	i, ok := slices.BinarySearchFunc(fields, name, func(f field, n string) int { return strings.Compare(f.name, n) })
	if !ok {
		return "", false
	}
	return fields[i].text, true
}

// users returns how many there are.
func (t *table) users() int {
	n := 0
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		n += len(s.users)
		s.mu.RUnlock()
	}
	return n
}

// list returns the users of a shard as records, by user.
func (s *shard) list() []record {
	s.mu.RLock()
	records := make([]record, 0, len(s.users))
	for user, fields := range s.users {
		records = append(records, record{op: opPut, user: user, fields: fields})
	}
	s.mu.RUnlock()
	slices.SortFunc(records, func(a, b record) int { return strings.Compare(a.user, b.user) })
	return records
}
