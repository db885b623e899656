package eventlog

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests, or, in a process that a test started from this binary, one of the children below.
func TestMain(m *testing.M) {
	if name := os.Getenv("EVENTLOG_CHILD"); name != "" {
		child, ok := children[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "no child named", name)
			os.Exit(2)
		}
		if err := child(os.Getenv("EVENTLOG_DIR")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// soak reports whether the long forms of the tests are asked for.
func soak() bool { return os.Getenv("NEXTBEST_SOAK") == "1" }
