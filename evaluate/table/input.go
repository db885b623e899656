package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// input is a file, decompressed.
type input struct {
	file  *os.File
	size  int64
	done  atomic.Int64 // bytes of the file that were read
	text  io.Reader
	ahead *readAhead // nil for a file that is not compressed
	zstd  *zstd.Decoder
}

// mostWindow bounds the memory that a zstd file may ask for: what the highest level of its command uses, and 8 more.
const mostWindow = 128 << 20

func newInput(file *os.File, size int64, compression string) (in *input, err error) {
	in = &input{file: file, size: size}
	if size == 0 {
		return in, errEmpty
	}
	raw := &countedReader{in}
	switch compression {
	case "gz":
		var unzip *gzip.Reader
		if unzip, err = gzip.NewReader(raw); err == nil {
			in.ahead = newReadAhead(unzip)
		}
	case "zst":
		if in.zstd, err = zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(mostWindow)); err == nil {
			in.ahead = newReadAhead(in.zstd)
		}
	default:
		in.text = raw
	}
	if in.ahead != nil {
		in.text = in.ahead
	}
	return in, damaged(err)
}

// Read returns decompressed bytes.
func (in *input) Read(p []byte) (int, error) {
	n, err := in.text.Read(p)
	return n, damaged(err)
}

func (in *input) progress() (done, total int64) { return in.done.Load(), in.size }

func (in *input) close() {
	if in.ahead != nil {
		in.ahead.close()
	}
	if in.zstd != nil {
		in.zstd.Close()
	}
}

// damaged says of an error of decompression what it means.
func damaged(err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the compressed file is cut off")
	}
	return fmt.Errorf("decompress: %w", err)
}

// countedReader reads the file and counts.
type countedReader struct{ in *input }

func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.in.file.Read(p)
	r.in.done.Add(int64(n))
	return n, err
}

// signatures are how files start that are something other than their names say.
var signatures = []struct{ start, means string }{
	{"\x1f\x8b", "the file is compressed with gzip: its name should end in .gz"},
	{"\x28\xb5\x2f\xfd", "the file is compressed with zstd: its name should end in .zst"},
	{"PAR1", "this is a Parquet file: its name should end in .parquet"},
	{"PK\x03\x04", "this is an archive or a spreadsheet"},
	{"\xff\xfe", "the text is UTF-16: save it as UTF-8"},
	{"\xfe\xff", "the text is UTF-16: save it as UTF-8"},
}

// checkStart refuses a text by how it starts.
func checkStart(line []byte) error {
	for _, s := range signatures {
		if bytes.HasPrefix(line, []byte(s.start)) {
			return errors.New(s.means)
		}
	}
	return nil
}
