package table

import (
	"io"
	"sync"
)

// readAhead reads in a goroutine of its own, so that decompressing and parsing each have a core. A few blocks are read
// ahead; then the goroutine waits.
type readAhead struct {
	full    chan block
	free    chan []byte
	stop    chan struct{}
	running sync.WaitGroup
	current block
	rest    []byte // of current, still to be returned
}

// block is what one read returned.
type block struct {
	bytes []byte
	err   error
}

const (
	blockSize  = 1 << 16
	blockCount = 4
)

func newReadAhead(r io.Reader) *readAhead {
	a := &readAhead{full: make(chan block, blockCount), free: make(chan []byte, blockCount), stop: make(chan struct{})}
	for range blockCount {
		a.free <- make([]byte, blockSize)
	}
	a.running.Go(func() { a.run(r) })
	return a
}

// run reads until an error, which is io.EOF at the end, or until it is stopped.
func (a *readAhead) run(r io.Reader) {
	for {
		select {
		case <-a.stop:
			return
		case buffer := <-a.free:
			n, err := fill(r, buffer)
			a.full <- block{buffer[:n], err} // Never waits: there are no more blocks than there is room for.
			if err != nil {
				return
			}
		}
	}
}

// fill is io.ReadFull, which cannot tell the end of the text from that of a file cut off.
func fill(r io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var m int
		m, err = r.Read(buffer[n:])
		n += m
	}
	return n, err
}

// Read returns what was read ahead.
func (a *readAhead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.current.err != nil {
			return 0, a.current.err
		}
		if a.current.bytes != nil {
			a.free <- a.current.bytes[:blockSize]
		}
		a.current = <-a.full
		a.rest = a.current.bytes
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// close stops the goroutine and waits for it.
func (a *readAhead) close() {
	close(a.stop)
	a.running.Wait()
}
