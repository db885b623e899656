package main

import (
	"os"
	"runtime/debug"
)

// gcPercent is the garbage that serve lets pile up before collecting, as a share of what is live. A Rank leaves about
// 100 kB behind, while what lives is small and grows slowly: at Go's own 100, collecting took an eighth of a Rank's CPU
// time more. 400 gained nothing over 200, and would take five times the live memory instead of three.
const gcPercent = 200

// collectLess sets gcPercent, unless GOGC says what the operator wants. GOMEMLIMIT bounds the memory in either case.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
