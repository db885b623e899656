package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"github.com/nextbest/nextbest/challenger"
	"github.com/nextbest/nextbest/decision"
	"github.com/nextbest/nextbest/evaluate/jobs"
	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
	"github.com/nextbest/nextbest/features/embedded"
	"github.com/nextbest/nextbest/features/redisstore"
	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
	"github.com/nextbest/nextbest/server"
	"github.com/nextbest/nextbest/track"
)

// serveOptions are the flags of `nextbest serve`.
type serveOptions struct {
	loops, data, redis string
	webhooks           string
	featureBudget      time.Duration
	keepLog            time.Duration
	server             server.Config
	logJSON            bool
	reviewShare        float64
	trackMost          int
}

func serveCommand() *cobra.Command {
	o := serveOptions{server: server.DefaultConfig()}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service: decide, log, learn",
		Long: `Serves the loops of a directory over gRPC and REST, and learns from what is reported. Everything is in this one
process by default; with --redis, users' features are read from Redis.

Loop files may be changed while it runs: a good change is in force at once, a bad one is reported and the last good one
goes on serving. What was learned is kept.`,
		Example: `  nextbest serve --loops loops --data data
  nextbest serve --loops loops --data data --redis redis://localhost:6379 --http :8080 --grpc :9090`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return usageError{err}
			}
			collectLess()
			return serve(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.loops, "loops", envOr("LOOPS_DIR", "loops"), "directory of loop files (LOOPS_DIR)")
	dataFlag(cmd, &o.data)
	f.StringVar(&o.redis, "redis", os.Getenv("REDIS_URL"), "Redis of the users' features: redis://, rediss://, several addresses for a cluster; empty keeps them in this process (REDIS_URL)")
	f.StringVar(&o.server.HTTPAddr, "http", envOr("HTTP_ADDR", o.server.HTTPAddr), "address of REST, health and metrics (HTTP_ADDR)")
	f.StringVar(&o.server.GRPCAddr, "grpc", envOr("GRPC_ADDR", o.server.GRPCAddr), "address of gRPC (GRPC_ADDR)")
	f.StringVar(&o.webhooks, "webhooks", os.Getenv("WEBHOOKS"), "webhook file, or directory of them: senders that report what people did, at /v1/webhooks/SOURCE (WEBHOOKS)")
	f.DurationVar(&o.featureBudget, "feature-budget", 20*time.Millisecond, "the longest that a decision waits for its user's features")
	f.DurationVar(&o.keepLog, "keep-log", 0, "drop log segments whose records are all older, as in 2160h; open events' are kept. 0 keeps everything, which replay and a change of features need to reach back")
	f.IntVar(&o.server.MaxInFlight, "max-in-flight", o.server.MaxInFlight, "calls at once; more are refused at once")
	f.BoolVar(&o.server.Reflection, "reflection", o.server.Reflection, "describe the API to gRPC clients")
	f.Float64Var(&o.reviewShare, "review-share", 0, "share of served decisions that are drawn for people to look at, as in 0.001 (nextbest review --help)")
	f.IntVar(&o.trackMost, "track-most", track.DefaultMost, "how many decisions are remembered by user, for reports without an event id; some 70 bytes each")
	f.BoolVar(&o.logJSON, "log-json", false, "log as JSON")
	f.Bool("json", false, "the same as --log-json")
	o.server.OTLPEndpoint = os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")
	return cmd
}

func (o *serveOptions) validate() error {
	if o.featureBudget <= 0 {
		return fmt.Errorf("--feature-budget must be positive, not %v", o.featureBudget)
	}
	if o.redis != "" {
		if err := (redisstore.Options{URL: o.redis}).Validate(); err != nil {
			return fmt.Errorf("--redis: %w", err)
		}
	}
	if o.keepLog < 0 {
		return fmt.Errorf("--keep-log must not be negative, as %v is", o.keepLog)
	}
	if !(o.reviewShare >= 0 && o.reviewShare <= 1) {
		return fmt.Errorf("--review-share must be from 0 to 1, not %v", o.reviewShare)
	}
	if o.trackMost < 1 {
		return fmt.Errorf("--track-most must be positive, not %d", o.trackMost)
	}
	return o.server.Validate()
}

// serve runs the service until ctx is done, then stops it in the reverse of the order in which it was started.
func serve(ctx context.Context, o serveOptions, stdout, stderr io.Writer) error {
	logger := newLogger(o.logJSON, stderr)
	stopping := &stops{logger: logger}
	defer stopping.run()

	webhooks, err := openWebhooks(o.webhooks)
	if err != nil {
		return err
	}

	events, err := openEvents(ctx, o, logger, stopping)
	if err != nil {
		return err
	}
	store, err := openFeatures(o, logger)
	if err != nil {
		return err
	}
	stopping.addClose("users' features", store.Close)
	guards, err := openGuards(ctx, o, events, store, logger)
	if err != nil {
		return err
	}
	stopping.addClose("guards", guards.Close)
	learner, err := learn.Start(ctx, learn.NewEventLog(events), loop.Compile, learn.Options{
		Dir: filepath.Join(o.data, learnerFolder), Logger: logger, Evidence: store,
	})
	if err != nil {
		return err
	}
	stopping.addClose("learner", learner.Close)
	if o.keepLog > 0 {
		r := &retention{keep: o.keepLog, events: events, learner: learner, now: time.Now, logger: logger}
		stopping.addClose("retention", r.start(retentionEvery))
	}
	guards.admission.definitions = learner
	files, err := followLoops(ctx, o.loops, learner, guards.catalogue, logger)
	if err != nil {
		return err
	}
	stopping.addClose("loop files", files.Close)
	stopping.addClose("live actions", followCatalogue(ctx, files, guards.catalogue).Close)
	if err := guards.restoreBudgets(ctx, events.Log(), learner); err != nil {
		return err
	}
	challengers := challenger.Start(learner, events, challenger.Options{
		Dir: filepath.Join(o.loops, loop.ChallengerFolder), Logger: logger,
	})
	stopping.addClose("challengers", challengers.Close)

	tracker, err := track.Start(ctx, track.Options{
		Events: events, Loops: learner, Most: o.trackMost, Now: time.Now, NewID: newID, Logger: logger,
	})
	if err != nil {
		return err
	}
	stopping.addClose("reports without an event id", tracker.Close)

	evaluations := newEvaluations(o.data, logger)
	stopping.addClose("evaluations", evaluations.Close)

	decider := &decision.Decider{
		Snapshots: learner, Features: store, Recorder: guards.recorder, Contacts: guards.contacts, Budgets: guards.budgets, Kills: guards.kills,
		Now:           time.Now,
		NewID:         newID,
		FeatureBudget: o.featureBudget,
	}
	if err := restorePaces(ctx, events.Log(), decider); err != nil {
		return err
	}
	srv, err := server.New(o.server, server.Deps{
		Decider: decider,
		Loops:   learner, Events: events, Log: events.Log(), Features: store, Reloads: files, Evaluations: evaluations,
		Challengers: challengers, Kills: guards.kills, Suppressions: guards.suppressions, Audit: guards.trail, Reviews: guards.reviews,
		Catalogue: guards.catalogue, Webhooks: webhooks, Tracker: tracker,
		Logger: logger,
	})
	if err != nil {
		return err
	}
	if err := srv.Listen(); err != nil {
		return err
	}
	greet(stdout, srv, learner, o)
	return srv.Serve(ctx)
}

// newID returns an id that sorts by time.
func newID(now time.Time) string {
	return ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String()
}

func newEvaluations(data string, logger *slog.Logger) *jobs.Runner {
	return jobs.New(jobs.Options{Data: data, NewID: newID, Logger: logger})
}

func newLogger(asJSON bool, to io.Writer) *slog.Logger {
	if asJSON {
		return slog.New(slog.NewJSONHandler(to, nil))
	}
	return slog.New(slog.NewTextHandler(to, nil))
}

func openEvents(ctx context.Context, o serveOptions, logger *slog.Logger, stopping *stops) (*eventlog.Events, error) {
	log, _, err := eventlog.Open(filepath.Join(o.data, logFolder), eventlog.Options{Logger: logger})
	if errors.Is(err, eventlog.ErrLocked) {
		return nil, fmt.Errorf("another process serves from %q: stop it, or give this one its own --data: %w", o.data, err)
	}
	if err != nil {
		return nil, err
	}
	stopping.addClose("event log", log.Close)
	return eventlog.NewEvents(ctx, log)
}

func openFeatures(o serveOptions, logger *slog.Logger) (features.Store, error) {
	if o.redis == "" {
		store, _, err := embedded.Open(filepath.Join(o.data, featuresFolder), embedded.Options{Logger: logger.With("store", "features")})
		return store, err
	}
	redisstore.LogTo(logger)
	store, err := redisstore.New(redisstore.Options{URL: o.redis, Logger: logger})
	if err != nil {
		return nil, err
	}
	warnUnlessRead(store, logger)
	return store, nil
}

// warnUnlessRead tries the store. One that does not answer, as with a wrong password, stops nothing: decisions fall back
// until it does. But nobody should have to find that out from them.
func warnUnlessRead(store features.Store, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := store.Fetch(ctx, "nobody", []string{"none"}); err != nil {
		logger.Warn("users' features cannot be read: decisions fall back until they can", "error", err)
	}
}
