// Package server keeps the rules.
package server

import (
	_ "github.com/nextbest/nextbest/decision"
	_ "google.golang.org/grpc"
	_ "google.golang.org/grpc/codes"
)
