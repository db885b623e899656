package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// progressLine shows how far long work has got: a bar on a terminal, a plain line each tenth otherwise.
type progressLine struct {
	describe func() string // a state to show beside the count; may be nil

	mu    sync.Mutex
	out   io.Writer
	name  string
	total int
	count int
	bar   *progressbar.ProgressBar // nil when out is no terminal
	shown time.Time
}

func newProgress(out io.Writer, name string, total int) *progressLine {
	p := &progressLine{out: out, name: name, total: total}
	if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(name), progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return p
}

func (p *progressLine) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.count * 10 / max(p.total, 1)
	p.count += n
	switch {
	case p.bar != nil:
		p.redraw(n)
	case p.count*10/max(p.total, 1) != before:
		p.print()
	}
}

func (p *progressLine) redraw(n int) {
	if p.describe != nil && time.Since(p.shown) > 200*time.Millisecond {
		p.bar.Describe(p.name + ": " + p.describe())
		p.shown = time.Now()
	}
	_ = p.bar.Add(n) // It fails where nobody is looking any more.
}

func (p *progressLine) print() {
	line := fmt.Sprintf("%s: %d of %d", p.name, p.count, p.total)
	if p.describe != nil {
		line += ": " + p.describe()
	}
	fmt.Fprintln(p.out, line)
}

func (p *progressLine) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
