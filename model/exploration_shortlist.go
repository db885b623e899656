package model

// shortlist says which indices share what is above the floor.
type shortlist struct {
	places int     // how many
	last   float64 // the lowest index that has a place
	share  float64 // of a place, for each index that is last: places left / how many tie for them
}

// shortlistOf returns the shortlist of the highest indices. places is at most their number.
func shortlistOf(indices []float64, places int) shortlist {
	var stack [64]float64 // more is allocated
	heap := stack[:]
	if places > len(stack) {
		heap = make([]float64, places)
	}
	l := shortlist{places: places, last: lowestOfHighest(indices, heap[:places])}
	above, ties := 0, 0
	for _, x := range indices {
		switch {
		case x > l.last:
			above++
		case x == l.last:
			ties++
		}
	}
	l.share = float64(places-above) / float64(ties)
	return l
}

// lowestOfHighest returns the lowest of the len(heap) highest of xs, which has at least as many. The heap holds the
// highest so far, the lowest of them first: one comparison for each that is none of them.
func lowestOfHighest(xs, heap []float64) float64 {
	copy(heap, xs)
	for i := len(heap)/2 - 1; i >= 0; i-- {
		sift(heap, i)
	}
	for _, x := range xs[len(heap):] {
		if x > heap[0] {
			heap[0] = x
			sift(heap, 0)
		}
	}
	return heap[0]
}

// sift moves the element at i of a min-heap down to where it belongs.
func sift(heap []float64, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child+1] < heap[child] {
			child++
		}
		if heap[i] <= heap[child] {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}
