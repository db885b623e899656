package eventlog

import "os"

// Files is how a log writes to the disk. Tests give another one to make it fail.
type Files interface {
	// Create makes a new file for writing; it must not exist.
	Create(name string) (File, error)
	// SyncDir makes the names of a directory durable.
	SyncDir(dir string) error
}

// File is one file being written. Sync runs beside Write; the others do not run beside each other.
type File interface {
	Write(b []byte) (int, error)
	// Sync makes what was written durable. It is not called again after it failed: the kernel forgets what it lost.
	Sync() error
	Truncate(size int64) error
	Close() error
}

type osFiles struct{}

func (osFiles) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFiles) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// osFile is opened for appending, so that what follows a Truncate goes to the new end.
type osFile struct{ *os.File }

func (f osFile) Sync() error { return dataSync(f.File) }
