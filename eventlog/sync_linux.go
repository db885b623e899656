package eventlog

import (
	"os"
	"syscall"
)

// dataSync is fdatasync: what was written, and of the metadata only what reading it needs, the size among it.
func dataSync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if err != syscall.EINTR {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}
