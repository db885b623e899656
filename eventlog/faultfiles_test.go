package eventlog

import (
	"sync"
	"sync/atomic"
	"syscall"
)

// faultFiles is the disk with faults by rule. A rule returns nil to let the call through.
type faultFiles struct {
	mu       sync.Mutex
	create   func(name string) error
	write    func(name string, b []byte) (keep int, err error) // keep: bytes that reach the file all the same
	sync     func(name string) error
	truncate func(name string) error
	syncDir  func() error

	syncs      map[string]int // calls per file
	afterError int            // Sync calls on a file whose Sync had failed
	failed     map[string]bool
	dirSyncs   atomic.Int64
}

func newFaultFiles() *faultFiles {
	return &faultFiles{syncs: make(map[string]int), failed: make(map[string]bool)}
}

// set changes rules while the log runs.
func (f *faultFiles) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *faultFiles) Create(name string) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.create != nil {
		if err := f.create(name); err != nil {
			return nil, err
		}
	}
	real, err := osFiles{}.Create(name)
	if err != nil {
		return nil, err
	}
	return &faultFile{files: f, name: name, real: real}, nil
}

func (f *faultFiles) SyncDir(dir string) error {
	f.dirSyncs.Add(1)
	f.mu.Lock()
	rule := f.syncDir
	f.mu.Unlock()
	if rule != nil {
		if err := rule(); err != nil {
			return err
		}
	}
	return osFiles{}.SyncDir(dir)
}

type faultFile struct {
	files *faultFiles
	name  string
	real  File
}

func (f *faultFile) Write(b []byte) (int, error) {
	f.files.mu.Lock()
	rule := f.files.write
	f.files.mu.Unlock()
	if rule != nil {
		if keep, err := rule(f.name, b); err != nil || keep < len(b) {
			n, _ := f.real.Write(b[:keep])
			return n, err
		}
	}
	return f.real.Write(b)
}

func (f *faultFile) Sync() error {
	f.files.mu.Lock()
	rule := f.files.sync
	f.files.syncs[f.name]++
	if f.files.failed[f.name] {
		f.files.afterError++
	}
	f.files.mu.Unlock()
	if rule != nil {
		if err := rule(f.name); err != nil {
			f.files.mu.Lock()
			f.files.failed[f.name] = true
			f.files.mu.Unlock()
			return err
		}
	}
	return f.real.Sync()
}

func (f *faultFile) Truncate(size int64) error {
	f.files.mu.Lock()
	rule := f.files.truncate
	f.files.mu.Unlock()
	if rule != nil {
		if err := rule(f.name); err != nil {
			return err
		}
	}
	return f.real.Truncate(size)
}

func (f *faultFile) Close() error { return f.real.Close() }

// once returns a rule that fails the nth call and lets the others through.
func once(n int, err error) func(string) error {
	calls := 0
	return func(string) error {
		calls++
		if calls == n {
			return err
		}
		return nil
	}
}

var (
	errFullDisk = syscall.ENOSPC
	errBadDisk  = syscall.EIO
)
