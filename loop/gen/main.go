// Command gen writes what is made from the table of keys: loop/schema.json, and the tables of docs/loop-files.md.
// It runs in the folder loop, as go generate does.
package main

import (
	"fmt"
	"os"

	"github.com/nextbest/nextbest/loop"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	schema, err := loop.SchemaJSON()
	if err != nil {
		return err
	}
	if err := os.WriteFile("schema.json", schema, 0o644); err != nil {
		return fmt.Errorf("write the schema: %w", err)
	}
	const page = "../docs/loop-files.md"
	old, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("read the reference page: %w", err)
	}
	text, err := loop.InsertReference(old)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, text, 0o644)
}
