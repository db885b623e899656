// Package model keeps the rules: it may read features.
package model

import (
	"math"

	"github.com/nextbest/nextbest/features"
)

// Model is something.
type Model struct{ F features.Set }

// Floor is something.
const Floor = math.Pi
