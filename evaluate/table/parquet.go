package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/nextbest/nextbest/ope"
)

// parquetSource reads the wanted columns of a Parquet file side by side, a row group after the other.
type parquetSource struct {
	input   *input
	file    *parquet.File
	layout  *layout
	cells   *cells
	columns []*parquetColumn // one for each of layout.wants
	lists   *parquetLists    // nil unless action sets are read
	group   int              // the next
	left    int64            // rows of the present group
	row     int64            // the last read, from 1
}

func openParquet(in *input, options Options, cells *cells) (*parquetSource, error) {
	p := &parquetSource{input: in, cells: cells}
	if err := checkFooter(in); err != nil {
		return p, err
	}
	err := guard(func() (err error) {
		p.file, err = parquet.OpenFile(in.file, in.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		return err
	})
	if err != nil {
		return p, damagedParquet(err)
	}
	var header []string
	for _, c := range p.file.Root().Columns() {
		header = append(header, c.Name())
	}
	if p.layout, err = newLayout(header, options); err != nil {
		return p, err
	}
	if options.Target != nil {
		p.lists = newParquetLists(p.file.Root())
	}
	return p, p.bind()
}

// checkFooter refuses what is no Parquet file or only the start of one, before its lengths are believed.
func checkFooter(in *input) error {
	const magic, footer = "PAR1", 8
	start, end := make([]byte, len(magic)), make([]byte, footer)
	if in.size < int64(len(magic)+footer) {
		return errors.New("this is not a Parquet file")
	}
	if _, err := in.file.ReadAt(start, 0); err != nil {
		return err
	}
	if _, err := in.file.ReadAt(end, in.size-footer); err != nil {
		return err
	}
	if string(start) != magic {
		return errors.New("this is not a Parquet file")
	}
	if length := int64(binary.LittleEndian.Uint32(end)); string(end[4:]) != magic || length > in.size-footer {
		return errors.New("the Parquet file is cut off")
	}
	return nil
}

// bind checks the types of the columns.
func (p *parquetSource) bind() error {
	all := p.file.Root().Columns()
	for _, w := range p.layout.wants {
		c, err := newParquetColumn(all[w.column], w.field)
		if err != nil {
			return p.layout.inColumn(w.field, err)
		}
		p.columns = append(p.columns, c)
	}
	return nil
}

func (p *parquetSource) place(e *Error) { e.Row = p.row }

func (p *parquetSource) fields() *layout { return p.layout }

func (p *parquetSource) next(s *ope.Sample) error {
	for p.left == 0 {
		if p.group == len(p.file.RowGroups()) {
			p.input.done.Store(p.input.size)
			return io.EOF
		}
		if err := guard(p.open); err != nil {
			return damagedParquet(err)
		}
	}
	p.left--
	p.row++
	for _, c := range p.columns {
		value, err := c.next()
		if err == nil {
			err = c.set(p.cells, s, value)
		}
		if err != nil {
			return p.layout.inColumn(c.field, err)
		}
	}
	if p.lists == nil {
		return nil
	}
	if err := p.lists.next(&p.cells.actions); err != nil {
		return err
	}
	return p.lists.set.check(s, p.layout.given)
}

// alternatives implements decider.
func (p *parquetSource) alternatives() (actionSet, bool) {
	if p.lists == nil {
		return actionSet{}, false
	}
	return p.lists.set, true
}

// all returns the columns that are read.
func (p *parquetSource) all() []*parquetColumn {
	if p.lists == nil {
		return p.columns
	}
	return append(p.columns[:len(p.columns):len(p.columns)], p.lists.columns()...)
}

// open starts to read the next row group.
func (p *parquetSource) open() error {
	group := p.file.RowGroups()[p.group]
	p.group++
	p.left = group.NumRows()
	p.input.done.Store(p.progress())
	for _, c := range p.all() {
		c.open(group.ColumnChunks()[c.index])
	}
	return nil
}

// progress returns how many bytes the rows read take up, were all of the same length.
func (p *parquetSource) progress() int64 {
	share := float64(p.row) / float64(max(1, p.file.NumRows()))
	return int64(float64(p.input.size) * min(1, share))
}

func (p *parquetSource) close() {
	for _, c := range p.all() {
		c.close()
	}
}

// guard turns a panic into an error: the library has some for files that contradict themselves.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return f()
}

func damagedParquet(err error) error { return fmt.Errorf("the Parquet file is damaged: %w", err) }
