// Command generate finishes the merged OpenAPI document in the file that it is given: it makes every operation's errors
// the problem that the server really answers with. Doing it twice is doing it once.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(file string) error {
	merged, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	finished, err := finish(merged)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, finished, 0o644)
}

func finish(merged []byte) ([]byte, error) {
	var document map[string]any
	if err := json.Unmarshal(merged, &document); err != nil {
		return nil, err
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
	var out bytes.Buffer
	encoder := json.NewEncoder(&out) // writes members by name, so the output is always the same
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(document)
	return out.Bytes(), err
}

// object returns a JSON object's members, or nil of anything else.
func object(v any) map[string]any {
	members, _ := v.(map[string]any)
	return members
}
