// Package eventlog reaches for the API's messages.
package eventlog

import (
	_ "os"

	_ "github.com/nextbest/nextbest/decision"
	_ "github.com/nextbest/nextbest/learn"
	_ "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
	_ "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)
