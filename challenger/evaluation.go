package challenger

import "github.com/nextbest/nextbest/ope"

// columns are what samples of live traffic have. Users are left out: the draws of one user's decisions are independent of each
// other, which is all that a sequence over decisions needs (ADR 0011), and groups of users are no sequence.
const columns = ope.HasAction | ope.HasPropensity | ope.HasTarget | ope.HasModel | ope.HasUnsupported | ope.HasPosition |
	ope.HasKept
