package batch

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// Decided is a row of a plan: what was decided for a user, or why nothing was.
type Decided struct {
	Row         int64   `parquet:"row" json:"row"`                          // of the users' file, from 1
	UserID      string  `parquet:"user_id" json:"user_id"`                  //
	EventID     string  `parquet:"event_id" json:"event_id"`                // names the decision in rewards
	ActionID    string  `parquet:"action_id,dict" json:"action_id"`         // "" where nothing was permitted; of send times, the moment by the user's clock, or do_not_send
	SendAt      int64   `parquet:"send_at,timestamp(millisecond)" json:"-"` // of send times; 0: do not send
	SendAtText  string  `parquet:"-" json:"send_at,omitempty"`              // the same as RFC 3339 in UTC
	Probability float64 `parquet:"probability" json:"probability"`          // with which it was drawn
	Score       float64 `parquet:"score" json:"score"`                      // the model's expected reward
	Arm         string  `parquet:"arm,dict" json:"arm"`
	SnapshotID  string  `parquet:"snapshot_id,dict" json:"snapshot_id"`
	Fallback    string  `parquet:"fallback,dict" json:"fallback"` // why this is not the policy's own choice
	TimeZone    string  `parquet:"time_zone,dict" json:"time_zone,omitempty"`
	Reason      string  `parquet:"error_reason,dict" json:"error_reason,omitempty"` // why there is no decision
	Detail      string  `parquet:"error_detail,dict" json:"error_detail,omitempty"`
}

// Input says what a plan is made of. A plan goes on only from the very same.
type Input struct {
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	Request string `json:"request"` // loop, campaign and what else is asked for, in one text
}

type manifest struct {
	Version int    `json:"version"`
	Input   Input  `json:"input"`
	Rows    int64  `json:"rows"` // in whole parts
	Parts   int    `json:"parts"`
	Counts  Counts `json:"counts"`
}

// Counts sum up a plan.
type Counts struct {
	Decided  int64            `json:"decided"`
	None     int64            `json:"none"` // decided, and nothing was permitted
	Errors   int64            `json:"errors"`
	Reasons  map[string]int64 `json:"reasons,omitempty"` // of the errors
	Fallback map[string]int64 `json:"fallbacks,omitempty"`
}

func (c *Counts) add(d *Decided) {
	switch {
	case d.Reason != "":
		c.Errors++
		count(&c.Reasons, d.Reason)
		return
	case d.ActionID == "":
		c.None++
	}
	c.Decided++
	if d.Fallback != "" {
		count(&c.Fallback, d.Fallback)
	}
}

func count(m *map[string]int64, key string) {
	if *m == nil {
		*m = make(map[string]int64)
	}
	(*m)[key]++
}

// Plan is a plan that is being written.
type Plan struct {
	path, folder string
	format       format
	state        manifest
}

const manifestVersion = 1

// ErrOther is a folder of parts that another input or request has left.
var ErrOther = errors.New("the parts of another plan are there")

// OpenPlan begins a plan, or goes on with the one that was begun. restart leaves what was begun.
func OpenPlan(path string, in Input, restart bool) (*Plan, error) {
	p := &Plan{path: path, folder: path + ".parts", state: manifest{Version: manifestVersion, Input: in}}
	var err error
	if p.format, err = formatOf(path); err != nil {
		return nil, err
	}
	if restart {
		if err := os.RemoveAll(p.folder); err != nil {
			return nil, err
		}
	}
	b, err := os.ReadFile(p.manifest())
	if errors.Is(err, os.ErrNotExist) {
		return p, os.MkdirAll(p.folder, 0o755)
	}
	if err != nil {
		return nil, err
	}
	var before manifest
	if err := json.Unmarshal(b, &before); err != nil || before.Version != manifestVersion {
		return nil, fmt.Errorf("%s cannot be read: %w", p.manifest(), errors.Join(ErrOther, err))
	}
	if before.Input != in {
		return nil, fmt.Errorf("%s is of another file of users, or another request (%s): %w", p.folder, before.Input.Request, ErrOther)
	}
	p.state = before
	return p, nil
}

// Rows returns how many rows are in whole parts.
func (p *Plan) Rows() int64 { return p.state.Rows }

// Counts returns what the plan comes to so far.
func (p *Plan) Counts() Counts { return p.state.Counts }

func (p *Plan) manifest() string { return filepath.Join(p.folder, "manifest.json") }

func (p *Plan) part(n int) string {
	return filepath.Join(p.folder, fmt.Sprintf("%06d%s", n, filepath.Ext(p.path)))
}

// Add writes the next part. It is there for good when Add returns.
func (p *Plan) Add(rows []Decided) error {
	var b bytes.Buffer
	if err := p.format.write(&b, rows); err != nil {
		return fmt.Errorf("write a part of the plan: %w", err)
	}
	next := p.state
	next.Parts++
	next.Rows += int64(len(rows))
	next.Counts.Reasons, next.Counts.Fallback = clone(next.Counts.Reasons), clone(next.Counts.Fallback)
	for i := range rows {
		next.Counts.add(&rows[i])
	}
	if err := whole(p.part(next.Parts), b.Bytes()); err != nil {
		return fmt.Errorf("write a part of the plan: %w", err)
	}
	state, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := whole(p.manifest(), state); err != nil {
		return fmt.Errorf("write the plan's manifest: %w", err)
	}
	p.state = next
	return nil
}

func clone(m map[string]int64) map[string]int64 {
	var out map[string]int64
	for k, v := range m {
		count(&out, k)
		out[k] = v
	}
	return out
}

// Finish makes the parts one file.
func (p *Plan) Finish() error {
	f, err := os.CreateTemp(filepath.Dir(p.path), filepath.Base(p.path)+".tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	parts := make([]string, p.state.Parts)
	for i := range parts {
		parts[i] = p.part(i + 1)
	}
	err = errors.Join(p.format.join(f, parts), f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), p.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(p.path))
	}
	if err != nil {
		return fmt.Errorf("make the plan of its parts: %w", err)
	}
	return os.RemoveAll(p.folder)
}

// whole makes a file appear whole or not at all, even if the power fails.
func whole(path string, b []byte) error {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// format is how a plan is written.
type format struct {
	write func(io.Writer, []Decided) error
	join  func(io.Writer, []string) error
}

func formatOf(path string) (format, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".parquet":
		return format{writeParquet, joinParquet}, nil
	case ".ndjson":
		return format{writeNDJSON, func(w io.Writer, parts []string) error { return concatenate(w, nil, parts) }}, nil
	case ".csv":
		return format{writeCSV, func(w io.Writer, parts []string) error { return concatenate(w, csvHeader, parts) }}, nil
	default:
		return format{}, fmt.Errorf("%s: a plan is .parquet, .csv or .ndjson", path)
	}
}

func writeParquet(w io.Writer, rows []Decided) error {
	p := parquet.NewGenericWriter[Decided](w, parquet.Compression(&parquet.Zstd))
	_, err := p.Write(rows)
	return errors.Join(err, p.Close())
}

// joinParquet copies the parts' row groups.
func joinParquet(w io.Writer, parts []string) error {
	out := parquet.NewGenericWriter[Decided](w, parquet.Compression(&parquet.Zstd))
	for _, path := range parts {
		if err := copyParquet(out, path); err != nil {
			return err
		}
	}
	return out.Close()
}

func copyParquet(out *parquet.GenericWriter[Decided], path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	in, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, group := range in.RowGroups() {
		if _, err := out.WriteRowGroup(group); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func writeNDJSON(w io.Writer, rows []Decided) error {
	e := json.NewEncoder(w)
	for i := range rows {
		if err := e.Encode(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

var csvHeader = []byte("row,user_id,event_id,action_id,send_at,probability,score,arm,snapshot_id,fallback,time_zone,error_reason,error_detail\n")

func writeCSV(w io.Writer, rows []Decided) error {
	c := csv.NewWriter(w)
	for i := range rows {
		d := &rows[i]
		_ = c.Write([]string{ // Flush has its error.
			strconv.FormatInt(d.Row, 10), d.UserID, d.EventID, d.ActionID, d.SendAtText, number(d.Probability), number(d.Score),
			d.Arm, d.SnapshotID, d.Fallback, d.TimeZone, d.Reason, d.Detail,
		})
	}
	c.Flush()
	return c.Error()
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func concatenate(w io.Writer, header []byte, parts []string) error {
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, path := range parts {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}
