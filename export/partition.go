package export

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Bounds of what is open at once. An open Parquet file without rows takes about 1.4 MB.
const (
	maxOpen         = 64        // files; beyond it the one that was longest not written to is ended
	maxBuffered     = 256 << 20 // bytes of rows before compression that are not in a file yet, of all files together
	maxGroupBytes   = 64 << 20  // of one row group before compression
	maxGroupRows    = 131_072   // DuckDB works through row groups of 122,880 at a time
	writeBufferSize = 256 << 10
)

// partitionKey names a partition.
type partitionKey struct {
	loop string
	day  string // YYYY-MM-DD, UTC
}

func keyOf(loop string, at time.Time) partitionKey {
	return partitionKey{loop, at.UTC().Format(time.DateOnly)}
}

// path is the partition's directory. A loop's name has no letters that Hive would escape.
func (k partitionKey) path() string { return filepath.Join("loop="+k.loop, "day="+k.day) }

func compareKeys(a, b partitionKey) int {
	return cmp.Or(cmp.Compare(a.loop, b.loop), cmp.Compare(a.day, b.day))
}

// partitions writes rows to staged files.
type partitions struct {
	staging  *staging
	format   Format
	limits   limits
	open     map[partitionKey]*part
	done     map[partitionKey]*Partition
	buffered int64
	writes   int64
}

// limits are the bounds above; tests have smaller ones.
type limits struct {
	open                            int
	buffered, groupBytes, groupRows int64
}

func defaultLimits() limits { return limits{maxOpen, maxBuffered, maxGroupBytes, maxGroupRows} }

// part is a file being written.
type part struct {
	key         partitionKey
	name        string
	file        file
	buffer      *bufio.Writer
	encoder     encoder
	bytes, rows int64 // that are not flushed
	used        int64 // number of the last write
}

func newPartitions(s *staging, f Format, l limits) *partitions {
	return &partitions{
		staging: s, format: f, limits: l,
		open: map[partitionKey]*part{}, done: map[partitionKey]*Partition{},
	}
}

// write appends rows of one partition.
func (p *partitions) write(key partitionKey, rows []Row) error {
	f, err := p.part(key)
	if err != nil {
		return fmt.Errorf("write partition %s: %w", key.path(), err)
	}
	p.writes++
	f.used = p.writes
	if err := f.encoder.write(rows); err != nil {
		return fmt.Errorf("write partition %s: %w", key.path(), err)
	}
	size := int64(0)
	for i := range rows {
		size += rows[i].size()
	}
	f.bytes, f.rows, p.buffered = f.bytes+size, f.rows+int64(len(rows)), p.buffered+size
	p.done[key].Rows += int64(len(rows))
	if f.bytes >= p.limits.groupBytes || f.rows >= p.limits.groupRows {
		return p.flush(f)
	}
	if p.buffered > p.limits.buffered {
		return p.flush(p.most(func(f *part) int64 { return f.bytes }))
	}
	return nil
}

// part returns the partition's open file, and begins one when there is none.
func (p *partitions) part(key partitionKey) (*part, error) {
	if f := p.open[key]; f != nil {
		return f, nil
	}
	if len(p.open) >= p.limits.open {
		if err := p.end(p.most(func(f *part) int64 { return -f.used })); err != nil {
			return nil, err
		}
	}
	dir := filepath.Join(p.staging.dir, key.path())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	done := p.done[key]
	if done == nil {
		done = &Partition{Path: key.path(), key: key}
		p.done[key] = done
	}
	name := fmt.Sprintf("%s%d.%s", partPrefix, len(done.Files), p.format)
	created, err := p.staging.create(filepath.Join(dir, name+tempSuffix))
	if err != nil {
		return nil, err
	}
	f := &part{key: key, name: name, file: created, buffer: bufio.NewWriterSize(created, writeBufferSize)}
	done.Files = append(done.Files, name)
	p.open[key] = f
	f.encoder, err = newEncoder(p.format, f.buffer)
	return f, err
}

// most returns the open file of which the measure is greatest. Of equals it is the one that was written to first, so
// that the same rows make the same files.
func (p *partitions) most(measure func(*part) int64) *part {
	open := slices.Collect(maps.Values(p.open))
	return slices.MaxFunc(open, func(a, b *part) int {
		return cmp.Or(cmp.Compare(measure(a), measure(b)), cmp.Compare(b.used, a.used))
	})
}

func (p *partitions) flush(f *part) error {
	if err := f.encoder.flush(); err != nil {
		return fmt.Errorf("write partition %s: %w", f.key.path(), err)
	}
	p.buffered -= f.bytes
	f.bytes, f.rows = 0, 0
	return nil
}

// end finishes a file: whole, and on the disk.
func (p *partitions) end(f *part) error {
	p.buffered -= f.bytes
	delete(p.open, f.key)
	err := f.encoder.close()
	if err == nil {
		err = f.buffer.Flush()
	}
	if err == nil {
		err = f.file.Sync()
	}
	if err = errors.Join(err, f.file.Close()); err != nil {
		return fmt.Errorf("write partition %s: %w", f.key.path(), err)
	}
	info, err := os.Stat(filepath.Join(p.staging.dir, f.key.path(), f.name+tempSuffix))
	if err == nil {
		p.done[f.key].Bytes += info.Size()
	}
	return err
}

// finish ends all files and returns the partitions, by loop and day.
func (p *partitions) finish() ([]*Partition, error) {
	for len(p.open) > 0 {
		if err := p.end(p.most(func(f *part) int64 { return -f.used })); err != nil {
			return nil, err
		}
	}
	all := slices.Collect(maps.Values(p.done))
	slices.SortFunc(all, func(a, b *Partition) int { return compareKeys(a.key, b.key) })
	return all, nil
}

// abandon closes what is open, after an error.
func (p *partitions) abandon() {
	for _, f := range p.open {
		f.file.Close() //nolint:errcheck // The file is thrown away.
	}
}
