//go:build !linux

package eventlog

import "os"

// dataSync makes the file's data durable.
func dataSync(f *os.File) error { return f.Sync() }
