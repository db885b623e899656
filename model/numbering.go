package model

import "encoding/binary"

// numbering gives ids numbers from 1, in the order of their first appearance; 0 stands for all that have none.
type numbering struct {
	ids     []string // by number - 1
	numbers map[string]int32
	lent    bool // both are in others' hands: copy numbers before writing
}

func (n *numbering) of(id string) int { return int(n.numbers[id]) }

// find returns an id's number, sooner when the guess is right.
func (n *numbering) find(id string, guess int32) int32 {
	if i := int(guess) - 1; i >= 0 && i < len(n.ids) && n.ids[i] == id {
		return guess
	}
	return n.numbers[id]
}

// add gives id its number, while there are fewer than most.
func (n *numbering) add(id string, most int) {
	if _, known := n.numbers[id]; known || len(n.ids) >= most {
		return
	}
	if n.lent || n.numbers == nil {
		n.numbers, n.lent = make(map[string]int32, len(n.ids)+1), false
		for i, id := range n.ids {
			n.numbers[id] = int32(i + 1)
		}
	}
	n.ids = append(n.ids, id)
	n.numbers[id] = int32(len(n.ids))
}

func (n *numbering) appendBinary(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(n.ids)))
	for _, id := range n.ids {
		b = appendBytes(b, []byte(id))
	}
	return b
}

func (d *decoder) numbering() (n numbering) {
	for range d.count(1) {
		id := string(d.bytes())
		if n.of(id) != 0 {
			d.fail()
		}
		n.add(id, len(n.ids)+1)
	}
	return n
}
