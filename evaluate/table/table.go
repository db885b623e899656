package table

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/nextbest/nextbest/ope"
)

// Options say how a table is read. The zero value reads the columns by their own names.
type Options struct {
	// Columns renames: the name of a field to the name of the file's column, as in {"reward": "clicked"}. Decision service
	// JSON has no columns to rename.
	Columns map[string]string
	// Target is the evaluated policy, where it can be told from the log alone; it then gives pi_e, whatever the table
	// says. Nil for what the table says.
	Target Policy
	// Slates reads rows as slots of slates, by NextSlate. A Target is not for them.
	Slates bool
}

func (o *Options) rows() rowsOf {
	if o.Slates {
		return slots
	}
	return decisions
}

// Table is a file of logged decisions, read row by row. It is not safe for concurrent use.
type Table struct {
	path     string
	file     *os.File
	input    *input
	source   source
	cells    cells
	target   Policy
	given    ope.Columns
	decision Decision
	slates   *assembling // nil unless rows are slots
	rows     int64
	err      error // of the last Next
	closed   bool
}

// source is one format. Its errors may be *Error with the column alone.
type source interface {
	// fields returns which columns give which fields.
	fields() *layout
	// next sets the fields of the next row, or returns io.EOF.
	next(*ope.Sample) error
	// place says which line or row an error of the last next was on.
	place(*Error)
}

var (
	errEmpty  = errors.New("the file is empty")
	errNoRows = errors.New("there are no rows")
	errSlates = errors.New("the table was opened for slates")
)

// Open opens a table in the format that its name ends with, and reads which columns it has. Errors are *Error, or those
// of package os. The caller closes the table.
func Open(path string, options Options) (*Table, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() { // To open a named pipe would wait for its other end.
		return nil, &Error{Path: path, Err: errNoFile}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &Table{path: path, file: file, target: options.Target}
	if err := t.open(options); err != nil {
		err = t.located(err)
		_ = t.Close() // Says nothing that err does not.
		return nil, err
	}
	return t, nil
}

func (t *Table) open(options Options) (err error) {
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errNoFile
	}
	format, compression := formatOf(t.path)
	if format == "parquet" && compression != "" {
		return errors.New("a Parquet file is compressed inside: decompress it first")
	}
	t.input, err = newInput(t.file, info.Size(), compression)
	if err != nil {
		return err
	}
	t.source, err = openSource(format, t.input, options, &t.cells)
	if err != nil {
		return err
	}
	t.given = t.source.fields().given
	if options.Slates {
		return t.bindSlates(format)
	}
	return t.bindTarget()
}

// formatOf returns what the end of a name says, as "csv" and "gz" for rows.csv.gz.
func formatOf(path string) (format, compression string) {
	parts := strings.Split(strings.ToLower(path), ".")
	if last := parts[len(parts)-1]; last == "gz" || last == "zst" {
		compression, parts = last, parts[:len(parts)-1]
	}
	return parts[len(parts)-1], compression
}

// closer is a source that holds something.
type closer interface{ close() }

func openSource(format string, in *input, options Options, cells *cells) (source, error) {
	switch format {
	case "csv":
		return openCSV(in, options, cells)
	case "ndjson", "jsonl":
		return openNDJSON(in, options, cells)
	case "dsjson":
		return openDSJSON(in, options, cells)
	case "parquet":
		return openParquet(in, options, cells)
	}
	return nil, errors.New("the name must end in .csv, .ndjson, .jsonl or .dsjson, perhaps with .gz or .zst after it, or in .parquet")
}

// Columns returns which fields the samples have.
func (t *Table) Columns() ope.Columns { return t.given }

// Next reads the next row. It returns io.EOF after the last, and otherwise *Error; after an error, always the same one.
// Fields that are not given are 0, but Kept is 1. It is not for a table of slates.
func (t *Table) Next(s *ope.Sample) error {
	if t.err == nil && t.slates != nil {
		t.err = errSlates
	}
	if t.err != nil {
		return t.err
	}
	if err := t.read(s); err != nil {
		t.err = t.ended(err)
		return t.err
	}
	t.rows++
	return nil
}

func (t *Table) read(s *ope.Sample) error {
	*s = ope.Sample{Kept: 1}
	if err := t.source.next(s); err != nil {
		return err
	}
	if t.target != nil {
		if err := t.applyTarget(s); err != nil {
			return err
		}
	}
	if err := s.Check(t.given); err != nil {
		return t.source.fields().explain(err)
	}
	return nil
}

// Refused returns the error of a sample that the last Next returned, with file, row and column.
func (t *Table) Refused(err *ope.FieldError) error { return t.located(t.source.fields().explain(err)) }

func (t *Table) ended(err error) error {
	if err != io.EOF {
		return t.located(err)
	}
	if t.rows == 0 {
		return &Error{Path: t.path, Err: errNoRows}
	}
	return io.EOF
}

// located says where an error was.
func (t *Table) located(err error) error {
	e := &Error{Err: err}
	if known, ok := err.(*Error); ok { // Made by the source, so never wrapped.
		e = known
	}
	e.Path = t.path
	if t.source != nil {
		t.source.place(e)
	}
	return e
}

// Actions returns the names of the actions seen up to now, by their numbers in samples: in the order of first sight.
func (t *Table) Actions() []string { return slices.Clone(t.cells.actions.names) }

// Rows returns how many rows were read.
func (t *Table) Rows() int64 { return t.rows }

// Skipped returns how many lines of decision service JSON were passed over: rewards whose decision is not in the file, and
// decisions that were not activated. In other formats none is.
func (t *Table) Skipped() int64 {
	if d, ok := t.source.(*dsjsonSource); ok {
		return d.skipped
	}
	return 0
}

// Progress returns how many bytes of the file were read, and of how many.
func (t *Table) Progress() (done, total int64) { return t.input.progress() }

// Close closes the file, and waits for what decompresses it. Next then fails. Closing again does nothing.
func (t *Table) Close() error {
	if t.closed {
		return nil
	}
	t.closed, t.err = true, os.ErrClosed
	if held, ok := t.source.(closer); ok {
		held.close()
	}
	if t.input != nil {
		t.input.close()
	}
	return t.file.Close()
}
