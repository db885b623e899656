//go:build unix

package table

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Nobody writes into the pipe: to open it would wait for ever.
func TestPipesAndDevicesAreRefusedAtOnce(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "rows.csv")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, os.DevNull} {
		opened := make(chan error, 1)
		go func() {
			_, err := Open(path, Options{})
			opened <- err
		}()
		select {
		case err := <-opened:
			if err == nil || err.Error() != path+": this is not a file" {
				t.Errorf("%s: error %v", path, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s is being waited for", path)
		}
	}
}
