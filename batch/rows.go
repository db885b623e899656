package batch

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
)

// User is a row of the users' file.
type User struct {
	Row              int64 // from 1, without the header
	UserID, EventID  string
	TimeZone         string
	Earliest, Latest time.Time
	Context          map[string]*structpb.Value
	Err              error // what is wrong with the row; the rest is as far as it could be read
}

// maxRowBytes bounds a field, so that a quote that is never closed does not take the rest of the file.
const maxFieldBytes = 64 << 10

// Rows reads a CSV file, gzipped where its name ends in .gz. Its first row names the columns: user_id, and if wanted event_id,
// time_zone, earliest, latest (RFC 3339), and context.NAME, whose values are numbers and true or false where they look so, and texts
// else; context.NAME:text, :number and :boolean say what they are. Other columns are refused.
type Rows struct {
	file    *os.File
	csv     *csv.Reader
	columns []column
	width   int
	row     int64
}

type column struct {
	name string // "context" for those
	key  string // the feature's name
	kind string // "", text, number, boolean
}

// OpenRows opens a file of users.
func OpenRows(path string) (*Rows, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &Rows{file: f}
	if err := r.begin(path); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return r, nil
}

func (r *Rows) begin(path string) error {
	var from io.Reader = bufio.NewReaderSize(r.file, 1<<20)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(from)
		if err != nil {
			return err
		}
		from = z
	}
	r.csv = csv.NewReader(from)
	r.csv.FieldsPerRecord = -1 // A row of another length is that row's error.
	r.csv.ReuseRecord = true
	header, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("is empty: the first row names the columns, user_id among them")
	}
	if err != nil {
		return err
	}
	r.width = len(header)
	for i, name := range header {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff") // a byte order mark
		}
		c, err := columnOf(name)
		if err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
		if slices.Contains(r.columns, c) {
			return fmt.Errorf("column %d: %s is there twice", i+1, name)
		}
		r.columns = append(r.columns, c)
	}
	if !slices.ContainsFunc(r.columns, func(c column) bool { return c.name == "user_id" }) {
		return fmt.Errorf("has no column user_id; it has %s", strings.Join(header, ", "))
	}
	return nil
}

func columnOf(name string) (column, error) {
	switch name {
	case "user_id", "event_id", "time_zone", "earliest", "latest":
		return column{name: name}, nil
	}
	feature, ok := strings.CutPrefix(name, "context.")
	if !ok || feature == "" {
		return column{}, fmt.Errorf("%q is none of user_id, event_id, time_zone, earliest, latest, context.NAME", name)
	}
	c := column{name: "context", key: feature}
	if at := strings.LastIndexByte(feature, ':'); at > 0 {
		switch kind := feature[at+1:]; kind {
		case "text", "number", "boolean":
			c.key, c.kind = feature[:at], kind
		default:
			return column{}, fmt.Errorf("%q: a column of context is :text, :number or :boolean", name)
		}
	}
	return c, nil
}

// Next returns the next user; io.EOF at the end. What is wrong with a row is in its Err; other errors are of the file.
func (r *Rows) Next() (User, error) {
	fields, err := r.csv.Read()
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		r.row++
		return User{Row: r.row, Err: fmt.Errorf("line %d: %w", bad.StartLine, bad.Err)}, nil
	case err != nil:
		return User{}, err
	}
	r.row++
	u := User{Row: r.row}
	if len(fields) != r.width {
		u.Err = fmt.Errorf("has %d fields, the header %d", len(fields), r.width)
		return u, nil
	}
	for i, text := range fields {
		if err := u.set(&r.columns[i], text); err != nil && u.Err == nil {
			u.Err = fmt.Errorf("column %s: %w", r.columns[i].title(), err)
		}
	}
	if u.UserID == "" && u.Err == nil {
		u.Err = errors.New("column user_id: is empty")
	}
	return u, nil
}

func (c *column) title() string {
	if c.name == "context" {
		return "context." + c.key
	}
	return c.name
}

func (u *User) set(c *column, text string) (err error) {
	if len(text) > maxFieldBytes {
		return fmt.Errorf("has %d bytes, the limit is %d", len(text), maxFieldBytes)
	}
	switch c.name {
	case "user_id":
		u.UserID = strings.Clone(text)
	case "event_id":
		u.EventID = strings.Clone(text)
	case "time_zone":
		u.TimeZone = strings.Clone(text)
	case "earliest":
		u.Earliest, err = moment(text)
	case "latest":
		u.Latest, err = moment(text)
	default:
		return u.setContext(c, text)
	}
	return err
}

func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%q is no time as in 2026-11-27T18:00:00+01:00", text)
	}
	return at, nil
}

// setContext sets a feature of the request; an empty field is a missing one.
func (u *User) setContext(c *column, text string) error {
	if text == "" {
		return nil
	}
	v, err := c.value(text)
	if err != nil {
		return err
	}
	if u.Context == nil {
		u.Context = make(map[string]*structpb.Value)
	}
	u.Context[c.key] = v
	return nil
}

func (c *column) value(text string) (*structpb.Value, error) {
	x, err := strconv.ParseFloat(text, 64)
	isNumber := err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
	isFlag := text == "true" || text == "false"
	switch {
	case c.kind == "number" && !isNumber:
		return nil, fmt.Errorf("%q is no finite number", text)
	case c.kind == "boolean" && !isFlag:
		return nil, fmt.Errorf("%q is neither true nor false", text)
	case c.kind != "text" && isFlag:
		return structpb.NewBoolValue(text == "true"), nil
	case c.kind != "text" && isNumber:
		return structpb.NewNumberValue(x), nil
	}
	return structpb.NewStringValue(strings.Clone(text)), nil
}

// Skip passes over rows.
func (r *Rows) Skip(n int64) error {
	for range n {
		if _, err := r.csv.Read(); err != nil && !errors.As(err, new(*csv.ParseError)) {
			return fmt.Errorf("the file has fewer than the %d rows that the plan has already: %w", n, err)
		}
		r.row++
	}
	return nil
}

// Close closes the file.
func (r *Rows) Close() error { return r.file.Close() }
