package loop

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nextbest/nextbest/learn"
)

// Change is what became of one loop file.
type Change struct {
	Name       string            // of the loop, by the file's name; "" when the whole directory cannot be read, or can again
	Path       string            // of the file or the directory
	Definition *learn.Definition // the loop as it is now; nil when the file is broken or removed, and of a directory
	Removed    bool              // the file is gone, and stayed away
	Err        error             // what is wrong with the file: the last good one goes on
}

// tracker tells changes of loop files from what is found of them at several times. It believes what it finds once it
// has found the same at two times at least settle apart: until then somebody may still be writing. That goes for an
// absent file as well, as many editors save by moving the old file away first.
//
// It is pure but for compiling; now is an argument, and it is not safe for concurrent use.
type tracker struct {
	settle time.Duration
	loops  map[string]*tracked
}

// tracked is one loop's file. Contents are compared by their digest.
type tracked struct {
	path     string
	reported digest // told last, good or bad; the zero digest is absence
	pending  digest
	since    time.Time // when pending was first found
	waiting  bool
}

type digest [sha256.Size]byte

// newTracker returns a tracker that takes the definitions for told.
func newTracker(settle time.Duration, told []*learn.Definition) *tracker {
	t := &tracker{settle: settle, loops: make(map[string]*tracked, len(told))}
	for _, d := range told {
		t.loops[d.Loop.Name] = &tracked{path: d.Path, reported: sum(0, d.File)}
	}
	return t
}

// digest returns what tells a source's content from others, from errors, and from what it lacks.
func (s *source) digest() digest {
	if s.err != nil {
		return sum(1, []byte(s.err.Error()))
	}
	if len(s.unread) == 0 {
		return sum(0, s.bytes)
	}
	b := s.bytes
	for _, part := range slices.Sorted(maps.Keys(s.unread)) {
		b = fmt.Appendf(b[:len(b):len(b)], "\x00%s\x00%v", part, s.unread[part])
	}
	return sum(2, b)
}

func sum(kind byte, b []byte) digest {
	h := sha256.New()
	h.Write([]byte{kind})
	h.Write(b)
	return digest(h.Sum(nil))
}

// observe takes what is found at a time, ordered by name, and returns what can be told, in the order of names. wait
// says that something has changed that is not yet believed: look again after settle.
func (t *tracker) observe(now time.Time, found []source) (changes []Change, wait bool) {
	for _, s := range t.withAbsent(found) {
		k := t.loops[s.name]
		if k == nil {
			k = &tracked{}
			t.loops[s.name] = k
		}
		d := digest{}
		if s.err != nil || s.bytes != nil {
			d, k.path = s.digest(), s.path
		}
		if !k.believe(d, now, t.settle) {
			wait = wait || k.waiting
			if d == k.reported && d == (digest{}) { // gone before it was ever told
				delete(t.loops, s.name)
			}
			continue
		}
		if k.reported = d; d == (digest{}) {
			delete(t.loops, s.name)
			changes = append(changes, Change{Name: s.name, Path: k.path, Removed: true})
			continue
		}
		c := Change{Name: s.name, Path: s.path}
		c.Definition, c.Err = s.compile("")
		changes = append(changes, c)
	}
	return changes, wait
}

// believe reports whether a new content has been there for long enough.
func (k *tracked) believe(d digest, now time.Time, settle time.Duration) bool {
	switch {
	case d == k.reported:
		k.waiting = false
		return false
	case !k.waiting || d != k.pending:
		k.pending, k.since, k.waiting = d, now, true
		return false
	}
	enough := now.Sub(k.since) >= settle
	k.waiting = !enough
	return enough
}

// withAbsent adds an empty source for every loop that is known and not found.
func (t *tracker) withAbsent(found []source) []source {
	all := slices.Clone(found)
	names := make([]string, 0, len(t.loops))
	for name := range t.loops {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.ContainsFunc(found, func(s source) bool { return s.name == name }) {
			all = append(all, source{name: name})
		}
	}
	slices.SortStableFunc(all, byName)
	return all
}
