package challenger

import (
	"errors"
	"fmt"
)

// ErrUnknown is a challenger that has no file.
var ErrUnknown = errors.New("there is no such challenger")

// BrokenError is a challenger whose file cannot be used.
type BrokenError struct {
	Loop, Challenger string
	Problem          string // file:line:col: message
}

// Error implements error.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("the file of challenger %q of loop %q cannot be used: %s", e.Challenger, e.Loop, e.Problem)
}
