// Command generate finishes the merged OpenAPI document: it reads it from standard input, makes every operation's
// errors the problem that the server really answers with, and writes it to standard output.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var document map[string]any
	if err := json.NewDecoder(in).Decode(&document); err != nil {
		return fmt.Errorf("read the merged document: %w", err)
	}
	for _, path := range object(document["paths"]) {
		for _, operation := range object(path) {
			if responses := object(object(operation)["responses"]); responses != nil {
				responses["default"] = map[string]any{"$ref": "#/components/responses/Problem"}
			}
		}
	}
	schemas := object(object(document["components"])["schemas"])
	delete(schemas, "google.rpc.Status")
	delete(schemas, "google.protobuf.Any")
	encoder := json.NewEncoder(out) // writes members by name, so the output is always the same
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// object returns a JSON object's members, or nil of anything else.
func object(v any) map[string]any {
	members, _ := v.(map[string]any)
	return members
}
