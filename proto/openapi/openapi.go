// Package openapi holds the description of the REST API, OpenAPI 3.1 in JSON. It is generated from the .proto files and
// info.json; `make generate` writes it anew.
package openapi

import _ "embed"

// `make generate` has merged info.json and the documents of the .proto files before this.
//go:generate go run ./generate openapi.json

//go:embed openapi.json
var document []byte

// Document returns the description. It must not be changed.
func Document() []byte { return document }
