package evaluate

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

// BenchmarkRead reads a log of 3,000 decisions with a model after every fifth: with no other model than the loop's own, with
// a candidate that shares it, and with one that learns otherwise. A replay of the same log is there to compare with.
func BenchmarkRead(b *testing.B) {
	s := newScribe(b)
	s.put("shop", shopFile)
	w := newWorld(1)
	w.play(s, "shop", 3000)
	w.end(s, "shop")
	s.events.Log().Close()
	shared := compiled(strings.Replace(shopFile, "{type: squarecb}", "{type: softmax}", 1))
	other := compiled(strings.Replace(shopFile, "    hour: {type: number, default: 12}\n", "", 1))
	for _, bench := range []struct {
		name       string
		candidates []Candidate
	}{
		{"built-in", []Candidate{Online(), Uniform()}},
		{"shared", []Candidate{Online(), LoopFile("shared", shared)}},
		{"other", []Candidate{Online(), LoopFile("other", other)}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l := must(Open(b.Context(), Options{Data: s.data, Loop: "shop", Candidates: bench.candidates}))
				for {
					_, err := l.Next(b.Context())
					if errors.Is(err, io.EOF) {
						break
					}
					must(0, err)
				}
				l.Close()
			}
		})
	}
	b.Run("replay", func(b *testing.B) {
		for b.Loop() {
			log := readOnly(b, s.data)
			must(learn.Replay(b.Context(), learn.NewSource(log), loop.Compile, learn.ReplayOptions{}))
			log.Close()
		}
	})
}
