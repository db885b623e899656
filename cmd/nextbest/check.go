package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nextbest/nextbest/learn"
	"github.com/nextbest/nextbest/loop"
)

func checkCommand() *cobra.Command {
	var asJSON, schema bool
	var candidateOf, against, webhooks string
	var cases caseFlags
	cmd := &cobra.Command{
		Use:   "check LOOPFILE|DIR...",
		Short: "Check loop files and their guardrails; exit 1 on any problem",
		Long: `Prints everything that is wrong with the loop files, one problem a line as file:line:col: message. When they
are right it says so on standard error alone. It needs no running service and changes nothing.

A directory stands for its loop files and their challengers, in challengers/LOOP below it, and for the shared rules and
brands in guardrails and brands. What a loop file includes is checked with it. A file is called as its loop,
NAME.yaml; with --loop it may be called anything, as one for 'nextbest evaluate --policy' may.

With --test it runs files of test cases: who gets what under a loop's guardrails, as docs/guardrails.md says. --explain shows
what every rule says and which values it read; --min-coverage asks that so much of what rules can say (that they permit, that
they object) is seen in some case.

With --webhooks it checks webhook files as well, or alone: docs/webhooks.md. Their secrets are not looked at.

With --against it holds the decisions of a data directory's log against the loop files: what their guardrails would have
excluded, by rule, and whether the log could still answer what the loop would have earned; without a file, against those of
the directory that 'nextbest serve' reads. It may run beside the service.`,
		Example: `  nextbest check loops
  nextbest check loops/*.yaml
  nextbest check --loop homepage candidate.yaml
  nextbest check --json loops/homepage.yaml
  nextbest check --test tests/homepage.yaml --explain
  nextbest check --test tests/homepage.yaml --min-coverage 100
  nextbest check --webhooks webhooks.yaml
  nextbest check --against data loops/homepage.yaml
  nextbest check --schema > loop.schema.json`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(cases.files) == 0 && (cases.explain || cases.coverage != 0):
				return errors.New("--explain and --min-coverage are for --test")
			case !(cases.coverage >= 0 && cases.coverage <= 100):
				return errors.New("--min-coverage is a number from 0 to 100")
			case len(cases.files) > 0 && (len(args) > 0 || schema || against != "" || candidateOf != "" || webhooks != ""):
				return errors.New("--test takes no loop files, no --schema, no --against, no --webhooks and no --loop: the cases name their loops")
			case len(cases.files) > 0:
				return nil
			case schema && (len(args) > 0 || candidateOf != "" || against != "" || webhooks != ""):
				return errors.New("--schema takes no loop files, no --loop, no --webhooks and no --against")
			case !schema && against == "" && webhooks == "" && len(args) == 0:
				return errors.New("name at least one loop file, as in: nextbest check loops/*.yaml")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if schema {
				return printSchema(cmd.OutOrStdout())
			}
			if len(cases.files) > 0 {
				return checkCases(&cases, cmd.OutOrStdout(), asJSON)
			}
			if against != "" && len(args) == 0 {
				args = []string{envOr("LOOPS_DIR", "loops")}
			}
			report := checkFiles(args, candidateOf)
			report.addWebhooks(webhooks)
			if report.OK && against != "" {
				return checkAgainst(cmd.Context(), against, report.definitions, cmd.OutOrStdout(), cmd.ErrOrStderr(), asJSON)
			}
			if err := report.print(cmd.OutOrStdout(), asJSON); err != nil {
				return err
			}
			if !report.OK {
				return reportedError{errors.New("there are problems in the files")}
			}
			if !asJSON {
				fmt.Fprintln(cmd.ErrOrStderr(), "no problems in", len(report.Files), "loop file(s)")
				if webhooks != "" {
					fmt.Fprintln(cmd.ErrOrStderr(), "no problems in", webhooks)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&candidateOf, "loop", "", "check the files as candidates for this loop, whatever they are called")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().StringArrayVar(&cases.files, "test", nil, "run a file of test cases (repeatable)")
	cmd.Flags().BoolVar(&cases.explain, "explain", false, "with --test: show what every rule says, and the values that it read")
	cmd.Flags().Float64Var(&cases.coverage, "min-coverage", 0, "with --test: how much of what rules can say must be seen, in percent")
	cmd.Flags().StringVar(&against, "against", "", "hold the decisions of a data directory's log against the loop files")
	cmd.Flags().StringVar(&webhooks, "webhooks", "", "check a webhook file, or a directory of them")
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of loop files")
	return cmd
}

// checkReport is what check found; its shape is what --json prints.
type checkReport struct {
	OK    bool          `json:"ok"`
	Files []checkedFile `json:"files"`
	// Shared are the files of rules and brands that loops may include.
	Shared []checkedFile `json:"shared,omitempty"`
	// Webhooks is what --webhooks named, if it did.
	Webhooks []checkedFile `json:"webhooks,omitempty"`

	definitions []*learn.Definition // of the files that are right
}

type checkedFile struct {
	File     string         `json:"file"`
	OK       bool           `json:"ok"`
	Loop     string         `json:"loop,omitempty"`   // its name, when the file is right
	SHA256   string         `json:"sha256,omitempty"` // of the file, when it is right
	Problems []loop.Problem `json:"problems"`
}

// checkFiles checks files, and what is in directories. Candidates of a loop are called anything; "" for none.
func checkFiles(paths []string, candidateOf string) checkReport {
	report := checkReport{OK: true, Files: []checkedFile{}}
	for _, path := range paths {
		switch {
		case isDir(path):
			report.addDirectory(path, candidateOf)
		case candidateOf != "":
			d, err := loop.CompileCandidate(candidateOf, path)
			report.add(path, d, err)
		default:
			d, err := loop.CompileFile(path)
			report.add(path, d, err)
		}
	}
	return report
}

// addDirectory adds a directory's loop files, those of the folders of challengers in it, which are called as loops, and what
// loops may include.
func (r *checkReport) addDirectory(dir, candidateOf string) {
	if candidateOf != "" {
		r.add(dir, nil, errors.New("--loop is for files, and this is a directory"))
		return
	}
	folders := []string{dir}
	challengers := filepath.Join(dir, loop.ChallengerFolder)
	entries, err := os.ReadDir(challengers)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.add(challengers, nil, err)
	}
	for _, e := range entries {
		if folder := filepath.Join(challengers, e.Name()); isDir(folder) {
			folders = append(folders, folder)
		}
	}
	before := len(r.Files)
	for _, folder := range folders {
		found, err := loop.LoadEach(folder)
		if err != nil {
			r.add(folder, nil, err)
		}
		for _, c := range found {
			r.add(c.Path, c.Definition, c.Err)
		}
	}
	if len(r.Files) == before {
		r.add(dir, nil, errors.New("there are no loop files, *.yaml, in this directory"))
	}
	for _, s := range loop.LoadShared(dir) {
		r.addShared(s)
	}
}

// addShared adds what checking a file that loops may include came to.
func (r *checkReport) addShared(s loop.Shared) {
	f := checkedFile{File: s.Path, OK: s.Err == nil, Problems: []loop.Problem{}}
	errors.As(s.Err, (*loop.Problems)(&f.Problems))
	r.OK = r.OK && f.OK
	r.Shared = append(r.Shared, f)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// add adds what compiling a file came to.
func (r *checkReport) add(path string, d *learn.Definition, err error) {
	f := checkedFile{File: path, OK: err == nil, Problems: []loop.Problem{}}
	var problems loop.Problems
	switch {
	case err == nil:
		f.Loop, f.SHA256 = d.Loop.Name, d.SHA256
		r.definitions = append(r.definitions, d)
	case errors.As(err, &problems):
		f.Problems = problems
	default:
		f.Problems = []loop.Problem{{File: path, Line: 1, Column: 1, Message: err.Error()}}
	}
	r.OK = r.OK && f.OK
	r.Files = append(r.Files, f)
}

func (r *checkReport) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	told := make(map[loop.Problem]bool) // a shared file's problems are those of every loop that includes it
	for _, f := range slices.Concat(r.Files, r.Shared, r.Webhooks) {
		for _, p := range f.Problems {
			if told[p] {
				continue
			}
			told[p] = true
			if _, err := fmt.Fprintln(w, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func printSchema(w io.Writer) error {
	b, err := loop.SchemaJSON()
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}
