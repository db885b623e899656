package model

import "encoding/binary"

func (r *ridge) appendBinary(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(r.blocks)))
	for _, k := range r.blocks {
		if k == nil {
			b = append(b, 0)
			continue
		}
		b = append(b, 1)
		b = k.settled.appendBinary(b)
		b = k.open.appendBinary(b)
		b = binary.AppendUvarint(b, uint64(k.updates))
		b = binary.AppendUvarint(b, uint64(k.turn))
		b = binary.AppendUvarint(b, uint64(k.posterior.columns))
		b = appendFloats(b, k.posterior.weights)
		b = appendFloats(b, k.posterior.covariance)
	}
	return b
}

func (g *gram) appendBinary(b []byte) []byte {
	b = binary.AppendVarint(b, g.examples)
	b = appendFloats(b, g.xr)
	return appendFloats(b, g.xx)
}

// ridge reads the blocks of a ridge whose columns and priors are known.
func (d *decoder) ridge(r *ridge, most int) {
	n := d.count(1)
	if n > most {
		d.fail()
		return
	}
	for range n {
		if d.uvarint() == 0 {
			r.blocks = append(r.blocks, nil)
			continue
		}
		k := &ridgeBlock{settled: d.gram(len(r.precision)), open: d.gram(len(r.precision))}
		k.updates, k.turn = uint32(d.uvarint()), uint32(d.uvarint())
		k.posterior = d.posterior(len(r.precision))
		r.blocks = append(r.blocks, k)
		r.changed(len(r.blocks) - 1)
	}
}

func (d *decoder) gram(columns int) gram {
	g := gram{examples: d.varint(), xr: d.floats(columns)}
	g.xx = d.floats(packedSize(columns))
	if len(g.xx) != packedSize(len(g.xr)) {
		d.fail()
	}
	return g
}

func (d *decoder) posterior(columns int) *posterior {
	p := &posterior{columns: int(d.uvarint()), weights: d.floats(columns)}
	p.resize(len(p.weights))
	p.covariance = d.floats(packedSize(columns))
	if len(p.covariance) != packedSize(len(p.weights)) || padded(p.columns) != len(p.weights) {
		d.fail()
		return p
	}
	p.copyDiagonal()
	return p
}
