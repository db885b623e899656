package learn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/nextbest/nextbest/eventlog"
)

// restore returns the fold of the newest good checkpoint in dir, or an empty one. Checkpoints that are refused are said
// in the log; one that is ahead of the log is removed, as the log's positions will be given to other records.
func restore(dir string, log EventLog, compile Compile, h history, logger *slog.Logger) (*fold, error) {
	if dir == "" {
		return newFold(compile, h), nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("checkpoint directory: %w", err)
	}
	found, err := checkpoints(dir)
	if err != nil {
		return nil, err
	}
	for _, next := range slices.Backward(found) {
		path := filepath.Join(dir, checkpointName(next))
		f, err := readCheckpoint(path, log, compile, h)
		if err == nil {
			logger.Info("learner: checkpoint restored", "file", path, "log_position", uint64(f.next))
			return f, nil
		}
		logger.Warn("learner: checkpoint refused", "file", path, "error", err)
		if errors.Is(err, errAhead) {
			if err := os.Remove(path); err != nil {
				return nil, fmt.Errorf("remove checkpoint that is ahead of the log: %w", err)
			}
		}
	}
	logger.Info("learner: no checkpoint, folding the whole log")
	return newFold(compile, h), nil
}

// errAhead is a checkpoint of another log than this one: of records that power loss took, or of another directory.
var errAhead = errors.New("the log does not have the records that it is the fold of")

func readCheckpoint(path string, log EventLog, compile Compile, h history) (*fold, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	state, err := openCheckpoint(b)
	if err != nil {
		return nil, err
	}
	f := newFold(compile, h)
	if err := f.readState(state); err != nil {
		return nil, err
	}
	return f, f.belongs(log)
}

// belongs checks that the fold's last record is the log's record at that position, where retention has not taken it.
func (f *fold) belongs(log EventLog) error {
	if f.next > log.End() {
		return errAhead
	}
	if f.next <= 1 {
		return nil
	}
	last := f.next - 1
	pos, payload, err := first(log, last)
	if err != nil {
		return err
	}
	if pos == last {
		if xxhash.Sum64(payload) != f.last {
			return errAhead
		}
		return nil
	}
	// Retention takes a log's beginning. A record that is gone while earlier ones are there was lost with the power.
	oldest, _, err := first(log, 1)
	if err == nil && oldest != 0 && oldest < last {
		err = errAhead
	}
	return err
}

// first returns the log's first record at or after from, position 0 when there is none.
func first(log EventLog, from eventlog.Position) (eventlog.Position, []byte, error) {
	c := log.Tail(from)
	defer c.Close()
	pos, payload, err := c.TryNext()
	if errors.Is(err, io.EOF) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read the log: %w", err)
	}
	return pos, bytes.Clone(payload), nil
}
