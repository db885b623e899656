// Package openapi holds the description of the REST API, OpenAPI 3.1 in JSON. It is generated from the .proto files and
// info.json; `make generate` writes it anew.
package openapi

import _ "embed"

//go:embed openapi.json
var document []byte

// Document returns the description. It must not be changed.
func Document() []byte { return document }
