package eventlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nextbest/nextbest/decision"
	logv1 "github.com/nextbest/nextbest/proto/gen/nextbest/log/v1"
)

// Link is what chains an administrative record to all those before it: SHA-256(the link before ‖ the record's bytes without
// its own). Who changes, drops, adds or moves one would have to make every later link again; who has written down a link
// finds that out.
type Link [sha256.Size]byte

// String returns the link in hexadecimal.
func (l Link) String() string { return hex.EncodeToString(l[:]) }

// Head is the newest link of a chain, and its number. The zero Head is of an empty chain.
type Head struct {
	Number uint64
	Link   Link
}

// chain is the chain's head in the process that writes it.
type chain struct {
	mu   sync.Mutex // held from before a record is linked until it is known whether it is in the log
	head Head
	// positions are those of the administrative records, so that the newest are found without reading the log.
	positions []Position
}

// chained reports whether a record is one of those that are chained.
func chained(r *logv1.Record) bool {
	switch r.GetBody().(type) {
	case *logv1.Record_LoopChange, *logv1.Record_Publish, *logv1.Record_Challenge, *logv1.Record_Admin:
		return true
	}
	return false
}

// linkOf returns the link of a record's bytes that have its number, and no link.
func linkOf(before Link, bare []byte) Link {
	h := sha256.New()
	h.Write(before[:])
	h.Write(bare)
	return Link(h.Sum(nil))
}

// fieldLink is the number of logv1.Record's link.
const fieldLink = 11

// withoutLink returns a record's bytes without its link, as they are otherwise: those of a later version as well.
func withoutLink(b []byte) []byte {
	bare := make([]byte, 0, len(b))
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return append(bare, b...)
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			return append(bare, b...)
		}
		if number != fieldLink {
			bare = append(bare, b[:n+size]...)
		}
		b = b[n+size:]
	}
	return bare
}

// resume takes up the chain where a record leaves it.
func (c *chain) resume(pos Position, b []byte) {
	r, err := Unmarshal(b)
	if err != nil || !chained(r) {
		return // Damage is found elsewhere.
	}
	c.positions = append(c.positions, pos)
	if len(r.ChainLink) == sha256.Size { // Records of older logs have none.
		c.head = Head{r.ChainNumber, Link(r.ChainLink)}
	}
}

// Administrative returns the positions of the administrative records, in order. Some of the first may be gone by retention.
func (e *Events) Administrative() []Position {
	e.chain.mu.Lock()
	defer e.chain.mu.Unlock()
	return e.chain.positions[:len(e.chain.positions):len(e.chain.positions)] // only ever appended to
}

// ChainHead returns the newest link.
func (e *Events) ChainHead() Head {
	e.chain.mu.Lock()
	defer e.chain.mu.Unlock()
	return e.chain.head
}

// appendChained appends an administrative record with its link. They come one at a time: the next one's link depends on whether
// this one is in the log, so it is waited for, whatever becomes of ctx meanwhile.
func (e *Events) appendChained(ctx context.Context, r *logv1.Record, d decision.Durability) (Position, error) {
	e.chain.mu.Lock()
	next, err := e.chain.head.next(r)
	if err != nil {
		e.chain.mu.Unlock()
		return 0, err
	}
	pos, err := e.append(ctx, r, d)
	var open *openError
	switch {
	case errors.As(err, &open):
		go func() {
			defer e.chain.mu.Unlock()
			<-open.settled
			e.chain.settle(e.log, next)
		}()
		return pos, err
	case err == nil:
		e.chain.head = next
		e.chain.positions = append(e.chain.positions, pos)
	case errors.Is(err, ErrUnsynced): // It is in the log.
		e.chain.settle(e.log, next)
	}
	e.chain.mu.Unlock()
	return pos, err
}

// next numbers and links a record behind the head, and returns the head that it makes.
func (h Head) next(r *logv1.Record) (Head, error) {
	r.ChainNumber, r.ChainLink = h.Number+1, nil
	bare, err := Marshal(r)
	if err != nil {
		return h, err
	}
	link := linkOf(h.Link, bare)
	r.ChainLink = link[:]
	return Head{r.ChainNumber, link}, nil
}

// settle looks whether the record of a head has reached the log after all. It is among the last ones.
func (c *chain) settle(l *Log, next Head) {
	end := l.End()
	for pos := end; pos > 0 && end-pos < settleDepth; pos-- {
		b, err := l.Read(pos - 1)
		if err != nil {
			continue
		}
		if r, err := Unmarshal(b); err == nil && bytes.Equal(r.GetChainLink(), next.Link[:]) {
			c.head = next
			c.positions = append(c.positions, pos-1)
			return
		}
	}
}

// settleDepth is how far from the log's end a record can be whose outcome has just become known.
const settleDepth = 1 << 16

// ChainReport is what VerifyChain found.
type ChainReport struct {
	Entries  uint64        `json:"entries"`  // administrative records with a link
	Unlinked uint64        `json:"unlinked"` // older ones, from before records were chained
	Number   uint64        `json:"number"`   // of the head
	Head     string        `json:"head"`     // in hexadecimal
	Broken   []BrokenChain `json:"broken"`
}

// BrokenChain is a place at which the chain does not hold.
type BrokenChain struct {
	Position Position `json:"position"`
	Number   uint64   `json:"number"`
	Problem  string   `json:"problem"`
}

// Sound reports whether the chain holds everywhere.
func (r *ChainReport) Sound() bool { return len(r.Broken) == 0 }

// ErrAnchor is an anchor that is not one.
var ErrAnchor = errors.New("an anchor is NUMBER:LINK, as audit head prints it")

// ParseHead reads NUMBER:LINK.
func ParseHead(text string) (h Head, err error) {
	var link string
	if _, err := fmt.Sscanf(text, "%d:%s", &h.Number, &link); err != nil {
		return h, ErrAnchor
	}
	b, err := hex.DecodeString(link)
	if err != nil || len(b) != sha256.Size || h.Number == 0 {
		return h, ErrAnchor
	}
	h.Link = Link(b)
	return h, nil
}

// String returns the head as ParseHead reads it.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Number, h.Link) }

// VerifyChain checks every link of a log. An anchor, the head as it was once written down, has to be among them: without one,
// a chain whose end was cut off, or that was made anew from some record on, looks sound. The zero Head is no anchor.
func VerifyChain(l *Log, anchor Head) (ChainReport, error) {
	v := chainVerification{anchor: anchor, whole: l.Stats().First <= 1}
	reader := l.NewReader(0)
	defer reader.Close()
	for {
		pos, b, err := reader.TryNext()
		if errors.Is(err, io.EOF) {
			return v.finish(l.End()), nil
		}
		if err != nil {
			return v.report, err
		}
		if _, _, ok := eventIn(b); ok {
			continue
		}
		r, err := Unmarshal(b)
		if err != nil {
			return v.report, fmt.Errorf("position %d: %w", pos, err)
		}
		if chained(r) {
			v.entry(pos, r, b)
		}
	}
}

// chainVerification goes along a chain.
type chainVerification struct {
	report ChainReport
	anchor Head
	met    bool // the anchor was
	whole  bool // the log has its beginning: the first link has none before it
	head   Head
}

func (v *chainVerification) broken(pos Position, number uint64, format string, args ...any) {
	v.report.Broken = append(v.report.Broken, BrokenChain{pos, number, fmt.Sprintf(format, args...)})
}

func (v *chainVerification) entry(pos Position, r *logv1.Record, b []byte) {
	if len(r.ChainLink) != sha256.Size {
		if v.report.Unlinked++; v.report.Entries > 0 {
			v.broken(pos, 0, "an administrative record without a link, behind record %d of the chain: it was added", v.head.Number)
		}
		return
	}
	stated := Head{r.ChainNumber, Link(r.ChainLink)}
	link := linkOf(v.head.Link, withoutLink(b))
	first := v.report.Entries == 0
	switch {
	case first && !v.whole: // what came before is gone by retention
	case stated.Number != v.head.Number+1:
		v.broken(pos, stated.Number, "record %d of the chain follows record %d: records are missing, were added, or moved", stated.Number, v.head.Number)
	case stated.Link != link:
		v.broken(pos, stated.Number, "its link is not that of its bytes and the record before: one of the two was changed")
	}
	v.report.Entries++
	v.head = stated
	if stated.Number == v.anchor.Number {
		v.met = true
		if stated.Link != v.anchor.Link {
			v.broken(pos, stated.Number, "its link is not the anchor's: this record, or one before it, was changed")
		}
	}
}

func (v *chainVerification) finish(end Position) ChainReport {
	if v.anchor.Number > 0 && !v.met {
		v.broken(end, v.anchor.Number, "record %d of the chain, which the anchor is of, is not there: the chain ends at %d", v.anchor.Number, v.head.Number)
	}
	v.report.Number, v.report.Head = v.head.Number, v.head.Link.String()
	return v.report
}
