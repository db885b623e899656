package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Reader reads a log's records in order, from a position on, and waits at the end for more. It is for one goroutine.
type Reader struct {
	l    *Log
	next Position // the least position to return

	segment *segment // being read; nil: look for the next one
	file    *os.File
	scan    scanner

	raw  []byte   // decompression memory
	rest []byte   // records of the block that are still to be returned
	at   Position // of the first of rest
}

// NewReader returns a reader of the records at and after from. What retention dropped is passed over. Close it.
func (l *Log) NewReader(from Position) *Reader { return &Reader{l: l, next: from} }

// Next returns the next record; the bytes are valid until the next call. At the end of the log it waits until a record
// is written or ctx is done; a log that is closed gives ErrClosed there, one opened for reading only io.EOF.
// Positions rise but may leave numbers out: see the package comment. Damaged stretches are skipped and counted.
func (r *Reader) Next(ctx context.Context) (Position, []byte, error) {
	for {
		pos, record, err := r.TryNext()
		if !errors.Is(err, io.EOF) || r.l.readOnly {
			return pos, record, err
		}
		if err := r.await(ctx); err != nil {
			return 0, nil, err
		}
	}
}

// await returns when there may be another record.
func (r *Reader) await(ctx context.Context) error {
	growth := r.l.store.growth()
	if r.l.store.end() > r.next {
		return nil
	}
	if r.l.store.isClosed() {
		return ErrClosed
	}
	select {
	case <-growth:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a record: %w", ctx.Err())
	}
}

// TryNext is Next without waiting: at the end of the log it returns io.EOF, and later calls return later records.
func (r *Reader) TryNext() (Position, []byte, error) {
	for {
		for len(r.rest) > 0 {
			record, rest, _ := cutRecord(r.rest) // unpack saw that it is whole.
			pos := r.at
			r.rest, r.at = rest, pos+1
			if pos >= r.next {
				r.next = pos + 1
				return pos, record, nil
			}
		}
		if err := r.load(); err != nil {
			return 0, nil, err
		}
	}
}

// load reads the next block that has a record at or after next.
func (r *Reader) load() error {
	for {
		if r.segment == nil {
			if err := r.enter(); err != nil {
				return err
			}
			continue
		}
		b, tail, err := r.scan.scan()
		switch {
		case errors.Is(err, io.EOF):
			if err := r.advance(tail); err != nil {
				return err
			}
		case err != nil:
			return err
		case b.end() > r.next && r.unpack(&b):
			return nil
		}
	}
}

// enter goes to the segment of the next position.
func (r *Reader) enter() error {
	p, ok := r.l.store.locate(r.next)
	if !ok {
		return io.EOF
	}
	f, err := os.Open(p.segment.path)
	if errors.Is(err, os.ErrNotExist) {
		r.next = max(r.next, p.segment.end) // Retention removed it since it was looked up.
		return nil
	}
	if err != nil {
		return fmt.Errorf("open a segment: %w", err)
	}
	buf := r.scan.buf[:0]
	r.segment, r.file = p.segment, f
	r.scan = *p.segment.scanner(f, p.offset, p.from, p.size)
	r.scan.buf, r.scan.damaged = buf, r.l.store.noteDamage
	return nil
}

// advance goes on at the end of what was readable of the segment: further in it, or to the next one.
func (r *Reader) advance(tail *Damage) error {
	size, end, last := r.l.store.extent(r.segment)
	if size > r.scan.end {
		r.scan.end = size
		return nil
	}
	if tail != nil { // What cannot be read here will not come back.
		r.l.store.noteDamage(*tail)
		r.scan.offset = r.scan.end
	}
	r.next = max(r.next, end)
	if last {
		return io.EOF
	}
	return r.leave()
}

func (r *Reader) leave() error {
	r.segment = nil
	return r.file.Close()
}

// unpack takes a block's records; one whose payload is not what its header says is damage.
func (r *Reader) unpack(b *block) bool {
	var err error
	if r.raw, r.rest, err = b.records(r.raw); err != nil {
		r.l.store.noteDamage(b.damage(r.scan.name, err))
		r.rest, r.next = nil, b.end()
		return false
	}
	r.at = b.first
	return true
}

// Close releases what the reader holds.
func (r *Reader) Close() error {
	r.rest = nil
	if r.segment == nil {
		return nil
	}
	return r.leave()
}
