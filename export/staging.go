package export

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const (
	stagingName = ".nextbest-export"
	lockName    = ".nextbest-export.lock"
	partPrefix  = "part-"
	tempSuffix  = ".tmp"
)

// staging is where files are written before they appear in the output directory. It is on the same file system, so
// that they get there by rename.
type staging struct {
	out    string
	dir    string
	lock   *os.File
	create func(path string) (file, error) // tests make it fail
}

// file is a file being written.
type file interface {
	io.WriteCloser
	Sync() error
}

func createFile(path string) (file, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
}

// stage makes the output directory and an empty staging directory in it, and locks out other exports to it. What an
// export that was killed left there is removed.
func stage(out string) (*staging, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("make the output directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(out, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the output directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another export is writing to %q", out), lock.Close())
	}
	s := &staging{out: out, dir: filepath.Join(out, stagingName), lock: lock, create: createFile}
	err = os.RemoveAll(s.dir)
	if err == nil {
		err = os.Mkdir(s.dir, 0o755)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the staging directory: %w", err), lock.Close())
	}
	return s, nil
}

// end removes what is staged and not in place, and lets the next export in.
func (s *staging) end() error {
	return errors.Join(os.RemoveAll(s.dir), syscall.Flock(int(s.lock.Fd()), syscall.LOCK_UN), s.lock.Close())
}

// holds reports whether the output directory has files of the partition.
func (s *staging) holds(partition string) bool {
	names, err := parts(filepath.Join(s.out, partition))
	return err == nil && len(names) > 0
}

// place puts a partition's staged files into the output directory in the place of those that are there.
func (s *staging) place(partition string, staged []string) error {
	target := filepath.Join(s.out, partition)
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("make partition %s: %w", partition, err)
	}
	old, err := parts(target)
	if err != nil {
		return fmt.Errorf("list partition %s: %w", partition, err)
	}
	for _, name := range staged {
		if err := os.Rename(filepath.Join(s.dir, partition, name+tempSuffix), filepath.Join(target, name)); err != nil {
			return fmt.Errorf("put partition %s in place: %w", partition, err)
		}
	}
	for _, name := range old {
		if slices.Contains(staged, name) {
			continue
		}
		if err := os.Remove(filepath.Join(target, name)); err != nil {
			return fmt.Errorf("replace partition %s: %w", partition, err)
		}
	}
	return errors.Join(syncDir(target), syncDir(filepath.Dir(target)), syncDir(s.out))
}

// parts lists the files of a partition's directory that an export put there.
func parts(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), partPrefix) && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
