package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nextbest/nextbest/loop"
)

func checkCommand() *cobra.Command {
	var asJSON, schema bool
	cmd := &cobra.Command{
		Use:   "check LOOPFILE...",
		Short: "Check loop files; exit 1 on any problem",
		Long: `Prints everything that is wrong with the loop files, one problem a line as file:line:col: message. When they
are right it says so on standard error alone. It needs no running service and changes nothing.`,
		Example: `  nextbest check loops/*.yaml
  nextbest check --json loops/homepage.yaml
  nextbest check --schema > loop.schema.json`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case schema && len(args) > 0:
				return errors.New("--schema takes no loop files")
			case !schema && len(args) == 0:
				return errors.New("name at least one loop file, as in: nextbest check loops/*.yaml")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if schema {
				return printSchema(cmd.OutOrStdout())
			}
			report := checkFiles(args)
			if err := report.print(cmd.OutOrStdout(), asJSON); err != nil {
				return err
			}
			if !report.OK {
				return reportedError{errors.New("there are problems in the loop files")}
			}
			if !asJSON {
				fmt.Fprintln(cmd.ErrOrStderr(), "no problems in", len(args), "loop file(s)")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of loop files")
	return cmd
}

// checkReport is what check found; its shape is what --json prints.
type checkReport struct {
	OK    bool          `json:"ok"`
	Files []checkedFile `json:"files"`
}

type checkedFile struct {
	File     string         `json:"file"`
	OK       bool           `json:"ok"`
	Loop     string         `json:"loop,omitempty"`   // its name, when the file is right
	SHA256   string         `json:"sha256,omitempty"` // of the file, when it is right
	Problems []loop.Problem `json:"problems"`
}

func checkFiles(paths []string) checkReport {
	report := checkReport{OK: true}
	for _, path := range paths {
		f := checkedFile{File: path, OK: true, Problems: []loop.Problem{}}
		d, err := loop.CompileFile(path)
		var problems loop.Problems
		switch {
		case err == nil:
			f.Loop, f.SHA256 = d.Loop.Name, d.SHA256
		case errors.As(err, &problems):
			f.OK, f.Problems = false, problems
		default:
			f.OK, f.Problems = false, []loop.Problem{{File: path, Line: 1, Column: 1, Message: err.Error()}}
		}
		report.OK = report.OK && f.OK
		report.Files = append(report.Files, f)
	}
	return report
}

func (r *checkReport) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	for _, f := range r.Files {
		for _, p := range f.Problems {
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
