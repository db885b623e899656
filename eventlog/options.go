package eventlog

import (
	"log/slog"
	"time"
)

// Options of a log. A zero field has the default.
type Options struct {
	SegmentBytes int64         // a segment that would grow past this is sealed; default 64 MiB
	BlockBytes   int           // records of one block before compression; default 256 KiB
	SyncEvery    time.Duration // the longest that a Process record waits for its fdatasync to start; default 50 ms
	QueueBytes   int           // records waiting for the writer; default 16 MiB
	RetryEvery   time.Duration // first pause of a failed log before it tries a new segment, doubling to 16 times; default 50 ms
	Logger       *slog.Logger  // default: discard
	Files        Files         // where segments are written; default: the disk. For fault injection
}

func (o Options) withDefaults() Options {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 64 << 20
	}
	o.SegmentBytes = min(o.SegmentBytes, 1<<31)
	if o.BlockBytes <= 0 {
		o.BlockBytes = 256 << 10
	}
	o.BlockBytes = min(o.BlockBytes, 4<<20) // Far fewer records than crashGap
	if o.SyncEvery <= 0 {
		o.SyncEvery = 50 * time.Millisecond
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = 16 << 20
	}
	if o.RetryEvery <= 0 {
		o.RetryEvery = 50 * time.Millisecond
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Files == nil {
		o.Files = osFiles{}
	}
	return o
}
