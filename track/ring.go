package track

// chunkSize is how many elements a ring takes and gives up at once.
const chunkSize = 4096

// ring is a queue whose elements are numbered from 0 and keep their numbers.
type ring[T any] struct {
	chunks [][]T // all but the last are full
	first  uint64
	next   uint64
}

func (r *ring[T]) push(v T) (number uint64) {
	if r.next%chunkSize == 0 {
		r.chunks = append(r.chunks, make([]T, 0, chunkSize))
	}
	last := len(r.chunks) - 1
	r.chunks[last] = append(r.chunks[last], v)
	r.next++
	return r.next - 1
}

// get returns an element, nil when it is gone.
func (r *ring[T]) get(number uint64) *T {
	if number < r.first || number >= r.next {
		return nil
	}
	return &r.chunks[(number-r.first)/chunkSize][number%chunkSize]
}

func (r *ring[T]) len() int { return int(r.next - r.first) }

// oldest returns the full chunk of the oldest elements, nil when there is none.
func (r *ring[T]) oldest() []T {
	if len(r.chunks) == 0 || len(r.chunks[0]) < chunkSize {
		return nil
	}
	return r.chunks[0]
}

// drop forgets the oldest chunk.
func (r *ring[T]) drop() {
	r.chunks[0] = nil
	r.chunks = r.chunks[1:]
	r.first += chunkSize
}
