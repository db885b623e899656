package embedded

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/nextbest/nextbest/eventlog"
	"github.com/nextbest/nextbest/features"
)

const (
	snapshotName    = "snapshot"
	snapshotTemp    = "snapshot.tmp"
	snapshotMagic   = "NBFEATUR"
	snapshotVersion = 1
	headerBytes     = 24 // magic, version, position, CRC-32C
	frameHeader     = 8  // length, CRC-32C
	// frameBytes is where a user's fields go on in another frame, so that frames stay small whatever a user has.
	frameBytes = features.MaxPut
	maxFrame   = 2 * frameBytes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errSnapshot says that a snapshot cannot be what was written: it is put in place whole, or not at all.
var errSnapshot = errors.New("damaged snapshot")

// writeSnapshot puts a new snapshot in place of the old one, durably, or leaves the old one. Replay goes on at from.
// ready is called when everything has been read from the table, and its error calls it off.
func writeSnapshot(dir string, t *table, from eventlog.Position, ready func() error) (size int64, err error) {
	temp := filepath.Join(dir, snapshotTemp)
	f, err := os.Create(temp)
	if err != nil {
		return 0, fmt.Errorf("write snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(temp)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if size, err = encodeSnapshot(w, t, from); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = ready()
	}
	if err == nil {
		err = os.Rename(temp, filepath.Join(dir, snapshotName))
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return 0, fmt.Errorf("write snapshot: %w", err)
	}
	return size, nil
}

func encodeSnapshot(w io.Writer, t *table, from eventlog.Position) (int64, error) {
	e := encoder{w: w}
	e.header(from)
	for i := range t.shards {
		for _, r := range t.shards[i].list() {
			for r.fields = e.put(r); len(r.fields) > 0; {
				r.fields = e.put(r)
			}
		}
	}
	e.end()
	return e.size, e.err
}

// encoder writes a snapshot's parts, until there is an error.
type encoder struct {
	w      io.Writer
	buf    []byte
	size   int64
	frames uint64
	err    error
}

func (e *encoder) write(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
		e.size += int64(len(b))
	}
}

func (e *encoder) header(from eventlog.Position) {
	h := append(make([]byte, 0, headerBytes), snapshotMagic...)
	h = binary.LittleEndian.AppendUint32(h, snapshotVersion)
	h = binary.LittleEndian.AppendUint64(h, uint64(from))
	e.write(binary.LittleEndian.AppendUint32(h, crc32.Checksum(h, castagnoli)))
}

// put writes one frame and returns the fields that did not fit.
func (e *encoder) put(r record) (rest []field) {
	n, size := 0, 0
	for ; n < len(r.fields) && size < frameBytes; n++ {
		size += len(r.fields[n].name) + len(r.fields[n].text)
	}
	r.fields, rest = r.fields[:n], r.fields[n:]
	e.buf = r.append(append(e.buf[:0], make([]byte, frameHeader)...))
	binary.LittleEndian.PutUint32(e.buf, uint32(len(e.buf)-frameHeader))
	binary.LittleEndian.PutUint32(e.buf[4:], crc32.Checksum(e.buf[frameHeader:], castagnoli))
	e.write(e.buf)
	e.frames++
	return rest
}

// end writes the frame without a record, which says how many there were with one.
func (e *encoder) end() {
	b := binary.LittleEndian.AppendUint64(make([]byte, frameHeader), e.frames)
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[frameHeader:], castagnoli))
	e.write(b)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// loadSnapshot reads a directory's snapshot into a table and returns where replay goes on: at the log's begin when there
// is none. A damaged frame is left out and counted, since the others are as good as ever; anything else that is wrong
// is an error that names the place.
func loadSnapshot(dir string, t *table) (from eventlog.Position, size int64, damaged int, err error) {
	path := filepath.Join(dir, snapshotName)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 1, 0, 0, nil
	}
	if err != nil {
		return 0, 0, 0, fmt.Errorf("read snapshot: %w", err)
	}
	defer f.Close()
	d := decoder{r: bufio.NewReaderSize(f, 1<<20), table: t}
	if from, err = d.header(); err == nil {
		err = d.frames()
	}
	if err != nil {
		return 0, 0, 0, fmt.Errorf("%s: offset %d: %w", path, d.offset, err)
	}
	return from, d.offset, d.damaged, nil
}

type decoder struct {
	r       *bufio.Reader
	table   *table
	offset  int64
	frame   uint64
	damaged int
}

func (d *decoder) read(b []byte) error {
	n, err := io.ReadFull(d.r, b)
	d.offset += int64(n)
	if err != nil {
		return fmt.Errorf("%w: it ends too early: %w", errSnapshot, err)
	}
	return nil
}

func (d *decoder) header() (eventlog.Position, error) {
	var h [headerBytes]byte
	if err := d.read(h[:]); err != nil {
		return 0, err
	}
	version := binary.LittleEndian.Uint32(h[8:])
	switch {
	case string(h[:8]) != snapshotMagic, crc32.Checksum(h[:20], castagnoli) != binary.LittleEndian.Uint32(h[20:]):
		return 0, fmt.Errorf("%w: no header", errSnapshot)
	case version != snapshotVersion:
		return 0, fmt.Errorf("snapshot version %d: %w", version, errVersion)
	}
	return eventlog.Position(binary.LittleEndian.Uint64(h[12:])), nil
}

func (d *decoder) frames() error {
	var h [frameHeader]byte
	var b []byte
	for {
		if err := d.read(h[:]); err != nil {
			return err
		}
		n := binary.LittleEndian.Uint32(h[:])
		if n == 0 {
			return d.end(binary.LittleEndian.Uint32(h[4:]))
		}
		if n > maxFrame {
			return fmt.Errorf("%w: a frame of %d bytes", errSnapshot, n)
		}
		if uint32(cap(b)) < n {
			b = make([]byte, n)
		}
		b = b[:n]
		if err := d.read(b); err != nil {
			return err
		}
		d.frame++
		if crc32.Checksum(b, castagnoli) != binary.LittleEndian.Uint32(h[4:]) {
			d.damaged++
			continue
		}
		r, err := parseRecord(b)
		if err != nil {
			return err
		}
		d.table.apply(r)
	}
}

// end checks the last frame: how many there were before it.
func (d *decoder) end(sum uint32) error {
	var b [8]byte
	if err := d.read(b[:]); err != nil {
		return err
	}
	if crc32.Checksum(b[:], castagnoli) != sum || binary.LittleEndian.Uint64(b[:]) != d.frame {
		return fmt.Errorf("%w: it has %d frames and does not end with their number", errSnapshot, d.frame)
	}
	return nil
}
