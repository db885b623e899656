package export

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/learn"
)

// Options say what is exported, and where to.
type Options struct {
	Log    string // directory of the event log
	Out    string // directory of the tables; made when it is absent
	Format Format
	Loop   string // only this loop; "" exports all

	// Since and Until bound the times of the decisions, Since included and Until not. A zero time is no bound. Both are
	// beginnings of days in UTC, as a partition is replaced as a whole.
	Since, Until time.Time

	ClosedOnly  bool   // only events whose reward is final and that count: reward_state closed
	SkipDamaged bool   // export what is readable of a damaged log
	UserKey     []byte // user ids are replaced by their HMAC-SHA-256 under this key; empty keeps them

	Compile     learn.Compile
	Definitions []*learn.Definition // of loops whose file the log no longer has

	Progress func(done, total uint64) // called now and then; may be nil

	limits limits
	create func(string) (file, error)
}

// ErrNoLoopFile is a loop whose file was not found, so that it is not known how its rewards are joined.
var ErrNoLoopFile = errors.New("the log no longer has its loop file")

// ErrDamaged is a log of which not everything is readable.
var ErrDamaged = errors.New("the event log is damaged")

// Validate says what is wrong with the options.
func (o *Options) Validate() error {
	if _, err := ParseFormat(string(o.Format)); err != nil {
		return err
	}
	if o.Out == "" {
		return errors.New("no output directory")
	}
	for _, t := range []time.Time{o.Since, o.Until} {
		if !t.IsZero() && !t.Equal(t.UTC().Truncate(24*time.Hour)) {
			return fmt.Errorf("%s is within a day: partitions are whole days in UTC, and replaced as a whole", t.Format(time.RFC3339Nano))
		}
	}
	if !o.Since.IsZero() && !o.Until.IsZero() && !o.Since.Before(o.Until) {
		return errors.New("nothing is between since and until")
	}
	return nil
}

// covers reports whether decisions of that time are exported.
func (o *Options) covers(t time.Time) bool {
	return (o.Since.IsZero() || !t.Before(o.Since)) && (o.Until.IsZero() || t.Before(o.Until))
}

// tell returns what tells how far a pass over the log is: pass 0 or 1 of two.
func (o *Options) tell(pass uint64, end eventlog.Position) func(eventlog.Position) {
	return func(at eventlog.Position) {
		if o.Progress != nil {
			o.Progress(pass*uint64(end)+uint64(at), 2*uint64(end))
		}
	}
}

// Run exports the log as it is when it is called, beside a service that writes to it or alone. An error leaves the
// output directory as it was; one of putting files in place may leave some partitions replaced and others not.
func Run(ctx context.Context, o Options) (*Summary, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.limits == (limits{}) {
		o.limits = defaultLimits()
	}
	damage, err := verify(o.Log)
	if err != nil {
		return nil, err
	}
	if err := o.refuse(damage); err != nil {
		return nil, err
	}
	log, _, err := eventlog.OpenReadOnly(o.Log)
	if err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	defer log.Close() //nolint:errcheck // It was only read.
	known, err := take(ctx, log, &o)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if err := o.refuse(known.damage); err != nil {
		return nil, err
	}
	definitions, err := known.wanted(o.Loop)
	if err != nil {
		return nil, err
	}
	s := newSummary(&o, append(damage, known.damage...))
	return s, o.write(ctx, log, known, definitions, s)
}

// refuse returns an error that names the damage, unless it is to be skipped.
func (o *Options) refuse(damage []Damage) error {
	if len(damage) == 0 || o.SkipDamaged {
		return nil
	}
	return damageError(damage)
}

// write writes the tables: first all of them aside, then into place.
func (o *Options) write(ctx context.Context, log *eventlog.Log, known *survey, definitions map[string]*learn.Definition, s *Summary) (err error) {
	staged, err := stage(o.Out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, staged.end()) }()
	if o.create != nil {
		staged.create = o.create
	}
	x := newExporter(o, log, definitions, newPartitions(staged, o.Format, o.limits), s)
	defer x.end()
	if err := x.run(ctx, known); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	written, err := x.tables.finish()
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	for _, p := range written {
		if known.cutOff(p.key.day) && staged.holds(p.Path) {
			s.Kept = append(s.Kept, p.Path)
			continue
		}
		if err := staged.place(p.Path, p.Files); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		s.Partitions = append(s.Partitions, *p)
	}
	return nil
}
