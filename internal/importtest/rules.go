package importtest

// A pattern names a package by its path, or with /... the package and everything below it. Paths of our own packages
// are written from the root of the module.

// rule says what the files of some packages, tests aside, may import.
type rule struct {
	packages string   // pattern
	ours     []string // patterns of our own packages that they may import
	pure     bool     // no clock, no network, no disk, no global randomness
}

// rules has a line for every package of ours. The first that matches counts; a package without one is a mistake, so
// that whoever adds a folder decides what it may know. The table of docs/architecture.md says the same.
var rules = []rule{
	{packages: "features", pure: true},
	{packages: "experiment", pure: true},
	{packages: "ope", pure: true},
	{packages: "attribution", pure: true},
	// An estimator reads what the encoder of package features wrote.
	{packages: "model", ours: []string{"features"}, pure: true},

	{packages: "guardrail", ours: []string{"features"}, pure: true},

	{packages: "decision", ours: []string{"features", "guardrail", "model", "experiment", "ope"}},
	// Records hold feature values.
	{packages: "eventlog/...", ours: []string{"decision", "features", "guardrail", "eventlog/...", "proto/gen/nextbest/log/v1"}},
	// A failure of a request is decision's, a policy may be a loop file.
	{packages: "evaluate/jobs", ours: []string{"decision", "evaluate", "evaluate/report", "loop", "ope"}},
	{packages: "evaluate/report", ours: []string{"evaluate", "evaluate/table", "ope"}},
	{packages: "evaluate/table", ours: []string{"ope"}},
	{packages: "learn", ours: []string{"decision", "eventlog", "features", "model", "proto/gen/nextbest/log/v1"}},
	// A loop file is compiled to what the others work with.
	{packages: "loop", ours: []string{"decision", "features", "guardrail", "model", "experiment", "learn"}},
	// It finds the decisions of reports in the log.
	{packages: "track", ours: []string{"attribution", "decision", "eventlog", "learn", "proto/gen/nextbest/log/v1"}},
	// It asks guardrails about cases and logged decisions.
	{packages: "preflight", ours: []string{"decision", "features", "guardrail", "loop", "ope"}},
	// It makes samples of the decision log.
	{packages: "evaluate", ours: []string{"decision", "eventlog", "features", "learn", "loop", "model", "ope",
		"proto/gen/nextbest/log/v1"}},
	// It evaluates while the service runs, and changes which loop file is in force.
	{packages: "challenger", ours: []string{"decision", "eventlog", "evaluate", "learn", "loop", "ope",
		"proto/gen/nextbest/log/v1"}},
	{packages: "simulate", ours: []string{"decision", "features", "model", "experiment", "learn", "loop"}},
	{packages: "simulate/chart", ours: []string{"simulate"}},

	// Tables for others; how a loop file is compiled is handed in.
	{packages: "export", ours: []string{"decision", "eventlog", "features", "learn", "proto/gen/nextbest/log/v1"}},

	{packages: "audit", ours: []string{"decision", "eventlog", "proto/gen/nextbest/log/v1"}},
	{packages: "catalogue", ours: []string{"audit"}},
	{packages: "catalogue/storetest", ours: []string{"catalogue"}},
	{packages: "kill", ours: []string{"audit", "decision"}},
	{packages: "inbound"},
	{packages: "review", ours: []string{"audit"}},
	{packages: "contact", ours: []string{"audit", "decision", "eventlog", "guardrail"}},
	{packages: "contact/contacttest", ours: []string{"decision", "guardrail"}},
	{packages: "features/redisstore", ours: []string{"catalogue", "decision", "features", "guardrail"}}, // decision: what a decision asks of a user
	{packages: "features/embedded", ours: []string{"decision", "features", "eventlog"}},                 // decision: the log's durabilities
	{packages: "features/storetest", ours: []string{"features"}},

	// Users' files and plans; what decides is asked over the API.
	{packages: "batch"},
	{packages: "server/...", ours: []string{"audit", "catalogue", "challenger", "decision", "evaluate/jobs", "evaluate/report", "eventlog/...",
		"experiment", "features", "inbound", "kill", "learn", "loop", "model", "ope", "proto/...", "review", "server/...", "track"}},
	{packages: "proto/..."},
	{packages: "loops"},
	{packages: "cmd/...", ours: []string{"..."}},
	// The load test sees the service from outside: over the API alone.
	{packages: "loadtest/...", ours: []string{"proto/gen/...", "loadtest/..."}},
	{packages: "internal/...", ours: []string{"..."}},
}

// restriction keeps a package of others to a few of ours; tests and internal may import anything.
type restriction struct {
	imported string   // pattern
	to       []string // patterns of our own packages
	reason   string
}

var restrictions = []restriction{
	{"google.golang.org/grpc/codes", []string{"server/..."}, "errors become codes in one place"},
	{"google.golang.org/grpc/status", []string{"server/..."}, "errors become codes in one place"},
	{"google.golang.org/grpc/...", []string{"server/...", "cmd/...", "loadtest/..."}, "the protocol is the server's"},
	{"github.com/grpc-ecosystem/...", []string{"server/...", "cmd/..."}, "the protocol is the server's"},
	{"github.com/redis/...", []string{"features/redisstore", "loadtest/..."}, "Redis is behind features.Store"},
	{"go.opentelemetry.io/...", []string{"server/...", "cmd/...", "features/redisstore"}, "telemetry is the server's"},
	{"github.com/prometheus/...", []string{"server/...", "cmd/..."}, "telemetry is the server's"},
	{"github.com/spf13/...", []string{"cmd/..."}, "the command line is cmd's"},
	{"gonum.org/v1/plot/...", []string{"simulate/chart", "evaluate/report"}, "pictures are drawn in two places"},
}

// pureThirdParty are the packages of others that compute and do nothing else.
var pureThirdParty = []string{
	"cel.dev/cel-go/...",
	"cel.dev/expr/...",
	"github.com/agnivade/levenshtein",
	"github.com/cespare/xxhash/v2",
	"golang.org/x/sys/cpu", // which instructions there are; results do not depend on it
	"gonum.org/v1/gonum/...",
}

// impureImports are the packages of the standard library that a pure package must not import.
var impureImports = []string{
	"crypto/rand", "database/sql/...", "hash/maphash", "io/ioutil", "log/...", "math/rand", "net/...", "os/...",
	"plugin", "runtime/...", "syscall/...", "testing/...", "unsafe",
}

// impureNames are what a pure package must not use of packages that it may import.
var impureNames = map[string][]string{
	"fmt": {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
	"time": {"After", "AfterFunc", "LoadLocation", "Local", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick",
		"Until"},
	"path/filepath": {"Abs", "EvalSymlinks", "Glob", "Walk", "WalkDir"},
}

// onlyNames are all that a pure package may use of a package: generators that it seeds itself.
var onlyNames = map[string][]string{
	"math/rand/v2": {"ChaCha8", "New", "NewChaCha8", "NewPCG", "NewZipf", "PCG", "Rand", "Source", "Zipf"},
}

// emptyNames say nothing about what a package does.
var emptyNames = []string{"base", "common", "helper", "helpers", "misc", "shared", "types", "util", "utils"}

// maxLines is where a file should have been split; longFiles are those that should not, with the reason.
const maxLines = 500

var longFiles = map[string]string{}
