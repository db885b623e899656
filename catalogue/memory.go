package catalogue

import (
	"context"
	"maps"
	"strconv"
	"sync"
)

// Memory is a Store in this process.
type Memory struct {
	mu    sync.Mutex
	loops map[string]*memoryLoop
}

type memoryLoop struct {
	actions  map[string]*Action
	revision int
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty one.
func NewMemory() *Memory { return &Memory{loops: make(map[string]*memoryLoop)} }

// Put implements Store.
func (m *Memory) Put(_ context.Context, loop string, actions []*Action) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.loops[loop]
	if l == nil {
		l = &memoryLoop{actions: make(map[string]*Action)}
		m.loops[loop] = l
	}
	for _, a := range actions {
		l.actions[a.ID] = a.clone()
	}
	l.revision++
	return nil
}

// All implements Store.
func (m *Memory) All(_ context.Context, loop string) (map[string]*Action, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.loops[loop]
	if l == nil {
		return nil, "", nil
	}
	return maps.Clone(l.actions), strconv.Itoa(l.revision), nil
}

// Revision implements Store.
func (m *Memory) Revision(_ context.Context, loop string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.loops[loop]; l != nil {
		return strconv.Itoa(l.revision), nil
	}
	return "", nil
}
