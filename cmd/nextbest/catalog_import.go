package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"buf.build/go/protovalidate"
	"github.com/parquet-go/parquet-go"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	nextbestv1 "github.com/nextbest/nextbest/proto/gen/nextbest/v1"
)

func catalogImportCommand() *cobra.Command {
	var o catalogCommands
	var dryRun, draft bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring actions in from NDJSON, CSV or Parquet, thousands at once",
		Long: `Takes every row of a file as a new action, or a new version of one. NDJSON has an action a line, with the keys of loop files:
id, features, channel, tags, text, contact, mandatory; beside them validFrom, validUntil and draft. CSV and Parquet have a column
per key, tags separated by |, and every other column is a feature of that name (with or without "features." in front of it).

Rows that cannot be taken are named with their place, and the others are taken: exit 1 when there is any.`,
		Example: `  nextbest catalog import offers.ndjson --loop homepage
  nextbest catalog import offers.csv --loop homepage --dry-run
  nextbest catalog import offers.parquet --loop homepage --draft --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !dryRun && o.actor == "" {
				return usageError{errors.New("say who asks, with --actor")}
			}
			path, err := o.path("actions")
			if err != nil {
				return err
			}
			rows, err := readRows(args[0])
			if err != nil {
				return err
			}
			i := &importing{o: &o, cmd: cmd, path: path, file: args[0], progress: newProgress(cmd.ErrOrStderr(), "import", len(rows)), draft: draft, dryRun: dryRun}
			return i.run(rows)
		},
	}
	o.flags(cmd, true)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only read the file, and say what is wrong with it")
	cmd.Flags().BoolVar(&draft, "draft", false, "keep everything aside as drafts")
	return cmd
}

// row is a line of a file as a variant, or what is wrong with it.
type row struct {
	line    int // from 1
	variant *nextbestv1.Variant
	err     error
}

// importing is one run of the command.
type importing struct {
	o             *catalogCommands
	cmd           *cobra.Command
	path          []string
	file          string
	progress      *progressLine
	draft, dryRun bool
	done          imported
}

// imported is what became of a file.
type imported struct {
	Rows     int            `json:"rows"`
	States   map[string]int `json:"states"`
	Rejected []rowProblem   `json:"rejected"` // by the loop's rules
	Refused  []rowProblem   `json:"refused"`  // cannot be taken
}

type rowProblem struct {
	Line    int      `json:"line"`
	ID      string   `json:"id"`
	Reasons []string `json:"reasons"`
}

// importChunk is how many rows one call brings, and how many bytes.
const (
	importChunk      = 1000
	importChunkBytes = 512 << 10
)

func (i *importing) run(rows []row) error {
	i.done = imported{Rows: len(rows), States: map[string]int{}, Rejected: []rowProblem{}, Refused: []rowProblem{}}
	var chunk []row
	size := 0
	for _, r := range rows {
		if r.err != nil {
			i.done.Refused = append(i.done.Refused, rowProblem{r.line, r.variant.GetAction().GetId(), []string{r.err.Error()}})
			continue
		}
		r.variant.Draft = r.variant.Draft || i.draft
		n := proto.Size(r.variant)
		if len(chunk) == importChunk || size+n > importChunkBytes {
			if err := i.send(chunk); err != nil {
				return err
			}
			chunk, size = nil, 0
		}
		chunk, size = append(chunk, r), size+n
	}
	if err := i.send(chunk); err != nil {
		return err
	}
	i.progress.done()
	return i.report()
}

func (i *importing) send(chunk []row) error {
	if len(chunk) == 0 || i.dryRun {
		return nil
	}
	request := &nextbestv1.UpsertActionsRequest{Actor: i.o.actor, Reason: i.o.reason}
	for _, r := range chunk {
		request.Variants = append(request.Variants, r.variant)
	}
	answer := &nextbestv1.UpsertActionsResponse{}
	if err := callService(i.cmd, i.o.server, "POST", nil, request, answer, i.path...); err != nil {
		return fmt.Errorf("%s: rows from line %d to %d were not taken, those before were: %w", i.file, chunk[0].line, chunk[len(chunk)-1].line, err)
	}
	for k, r := range answer.GetResults() {
		switch {
		case r.GetError() != "":
			i.done.Refused = append(i.done.Refused, rowProblem{chunk[k].line, r.GetId(), []string{r.GetError()}})
		default:
			if i.done.States[r.GetState()]++; r.GetState() == "rejected" {
				i.done.Rejected = append(i.done.Rejected, rowProblem{chunk[k].line, r.GetId(), r.GetReasons()})
			}
		}
	}
	i.progress.add(len(chunk))
	return nil
}

func (i *importing) report() error {
	out := i.cmd.OutOrStdout()
	slices.SortStableFunc(i.done.Refused, func(a, b rowProblem) int { return a.Line - b.Line })
	if i.o.asJSON {
		if err := json.NewEncoder(out).Encode(i.done); err != nil {
			return err
		}
	} else {
		i.name(i.done.Refused, func(p rowProblem) string {
			return fmt.Sprintf("%s: %s", or(p.ID, "no id"), strings.Join(p.Reasons, "; "))
		})
		i.name(i.done.Rejected, func(p rowProblem) string {
			return fmt.Sprintf("%s is rejected: %s", p.ID, strings.Join(p.Reasons, ", "))
		})
		word := fmt.Sprintf("%d admitted, %d wait for a person, %d drafts, %d rejected by rules", i.done.States["admitted"], i.done.States["review"], i.done.States["draft"], i.done.States["rejected"])
		if i.dryRun {
			word = "nothing was sent"
		}
		fmt.Fprintf(out, "%d rows: %s, %d refused\n", i.done.Rows, word, len(i.done.Refused))
	}
	if len(i.done.Refused) > 0 {
		return reportedError{errors.New("some rows cannot be taken")}
	}
	return nil
}

// mostNamed is how many rows of a kind are named for people; --json has all.
const mostNamed = 100

// name prints the first problems, each with its place.
func (i *importing) name(problems []rowProblem, text func(rowProblem) string) {
	out := i.cmd.OutOrStdout()
	for _, p := range problems[:min(len(problems), mostNamed)] {
		fmt.Fprintf(out, "%s:%d: %s\n", i.file, p.Line, text(p))
	}
	if more := len(problems) - mostNamed; more > 0 {
		fmt.Fprintf(out, "and %d more: --json names them all\n", more)
	}
}

// readRows reads a file by what it is called.
func readRows(path string) ([]row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".ndjson", ".jsonl":
		return readNDJSON(f)
	case ".csv":
		return readCSV(f)
	case ".parquet":
		return readParquet(f)
	default:
		return nil, usageError{fmt.Errorf("%s: files are called .ndjson, .csv or .parquet", path)}
	}
}

// mostLine bounds a line of NDJSON.
const mostLine = 1 << 20

func readNDJSON(r io.Reader) ([]row, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostLine)
	var rows []row
	for n := 1; lines.Scan(); n++ {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			rows = append(rows, rowOf(n, []byte(text)))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", len(rows)+1, err)
	}
	return rows, nil
}

// rowOf reads one action with what stands beside it.
func rowOf(line int, document []byte) row {
	r := row{line: line, variant: &nextbestv1.Variant{Action: &nextbestv1.CatalogAction{}}}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(document, &all); err != nil {
		r.err = fmt.Errorf("this is no JSON object: %w", err)
		return r
	}
	beside := map[string]json.RawMessage{}
	for _, key := range []string{"validFrom", "validUntil", "draft", "ifVersion"} {
		if v, ok := all[key]; ok {
			beside[key] = v
			delete(all, key)
		}
	}
	action, err := json.Marshal(all)
	if err == nil {
		beside["action"] = action
		var b []byte
		if b, err = json.Marshal(beside); err == nil {
			err = protojson.Unmarshal(b, r.variant)
		}
	}
	switch {
	case err != nil:
		r.err = err
	case r.variant.GetAction().GetId() == "":
		r.err = errors.New("the action has no id")
	default: // What the API would refuse is one row's matter, not its neighbours'.
		r.err = protovalidate.Validate(r.variant)
	}
	return r
}

// columns that are no features.
var actionColumns = []string{"id", "channel", "text", "contact", "mandatory", "validFrom", "validUntil", "draft"}

// cellRow makes a row of named cells; a cell that is empty is missing.
func cellRow(line int, names []string, cell func(i int) any) row {
	all, features := map[string]any{}, map[string]any{}
	for i, name := range names {
		v := cell(i)
		text, isText := v.(string)
		switch {
		case v == nil || isText && text == "":
		case name == "tags" && isText:
			all[name] = strings.Split(text, "|")
		case slices.Contains([]string{"contact", "mandatory", "draft"}, name) && isText:
			b, err := strconv.ParseBool(text)
			if err != nil {
				return row{line: line, variant: &nextbestv1.Variant{}, err: fmt.Errorf("%s: %q is neither true nor false", name, text)}
			}
			all[name] = b
		case name == "tags" || slices.Contains(actionColumns, name):
			all[name] = v
		default:
			features[strings.TrimPrefix(name, "features.")] = v
		}
	}
	if len(features) > 0 {
		all["features"] = features
	}
	document, err := json.Marshal(all)
	if err != nil {
		return row{line: line, variant: &nextbestv1.Variant{}, err: err}
	}
	return rowOf(line, document)
}

func readCSV(r io.Reader) ([]row, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	names, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	if !slices.Contains(names, "id") {
		return nil, errors.New("the header has no column id")
	}
	var rows []row
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := in.FieldPos(0)
		if len(cells) != len(names) {
			rows = append(rows, row{line: line, variant: &nextbestv1.Variant{}, err: fmt.Errorf("the row has %d cells, the header %d", len(cells), len(names))})
			continue
		}
		rows = append(rows, cellRow(line, names, func(i int) any { return csvCell(names[i], cells[i]) }))
	}
}

// csvCell reads a cell: a feature that looks like a number, or like true or false, is one.
func csvCell(name, text string) any {
	if name == "tags" || slices.Contains(actionColumns, name) {
		return text
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil && x-x == 0 {
		return x
	}
	switch text {
	case "true", "false":
		return text == "true"
	}
	return text
}

func readParquet(f *os.File) (rows []row, err error) {
	defer func() {
		if p := recover(); p != nil { // The library panics at some damage.
			err = fmt.Errorf("row %d: the file is damaged: %v", len(rows)+1, p)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("this is no Parquet file: %w", err)
	}
	in := parquet.NewGenericReader[any](file)
	defer in.Close() //nolint:errcheck // It was only read.
	buffer := make([]any, 256)
	for {
		n, err := in.Read(buffer)
		for _, v := range buffer[:n] {
			rows = append(rows, parquetRow(len(rows)+1, v))
		}
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", len(rows)+1, err)
		}
	}
}

func parquetRow(line int, v any) row {
	cells, ok := v.(map[string]any)
	if !ok {
		return row{line: line, variant: &nextbestv1.Variant{}, err: fmt.Errorf("the row is a %T", v)}
	}
	var names []string
	for name := range cells {
		names = append(names, name)
	}
	slices.Sort(names)
	return cellRow(line, names, func(i int) any {
		if b, isBytes := cells[names[i]].([]byte); isBytes {
			return string(b)
		}
		return cells[names[i]]
	})
}
