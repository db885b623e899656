package server

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Config tunes the server. DefaultConfig is what a zero configuration file means.
type Config struct {
	HTTPAddr string // REST, health, metrics and the OpenAPI document
	GRPCAddr string

	MaxMessageBytes int           // of a gRPC message and of a REST body
	MaxInFlight     int           // calls at once over both protocols; more are refused at once, for a queue would only add waiting
	MaxConnections  int           // per listener; more wait to be accepted
	MaxStreams      int           // concurrent calls per gRPC connection
	DefaultDeadline time.Duration // of calls that come without one
	DeadlineMargin  time.Duration // shaved off every deadline, so that the answer still reaches the caller

	ReadHeaderTimeout time.Duration // REST
	ReadTimeout       time.Duration // REST, of a whole request
	WriteTimeout      time.Duration // REST, of a whole answer
	IdleTimeout       time.Duration // both protocols

	MaxConnectionAge time.Duration // gRPC clients connect anew, and find new replicas, this often
	DrainDelay       time.Duration // between 'not ready' and the end of accepting, for balancers to notice
	ShutdownTimeout  time.Duration // from the first step of stopping to the hard stop

	// Reflection tells gRPC clients the API's description. It is on because the description is public anyway, in the
	// source and at /openapi.json, and generic clients need it.
	Reflection bool
	// OTLPEndpoint receives traces; empty means that there is no tracing.
	OTLPEndpoint string
}

// DefaultConfig returns the defaults, with the reasons for them.
func DefaultConfig() Config {
	return Config{
		HTTPAddr: "127.0.0.1:8080",
		GRPCAddr: "127.0.0.1:9090",

		MaxMessageBytes: 1 << 20, // a decoded message is up to 35 times as large
		MaxInFlight:     512,
		MaxConnections:  8192,
		MaxStreams:      1024,
		DefaultDeadline: time.Second,
		DeadlineMargin:  2 * time.Millisecond,

		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,

		MaxConnectionAge: 5 * time.Minute,
		ShutdownTimeout:  15 * time.Second,
		Reflection:       true,
	}
}

// Validate returns every problem of the configuration.
func (c Config) Validate() error {
	return errors.Join(
		address("HTTPAddr", c.HTTPAddr),
		address("GRPCAddr", c.GRPCAddr),
		atLeast("MaxMessageBytes", c.MaxMessageBytes, 1024),
		atLeast("MaxInFlight", c.MaxInFlight, 1),
		atLeast("MaxConnections", c.MaxConnections, 1),
		atLeast("MaxStreams", c.MaxStreams, 1),
		positive("DefaultDeadline", c.DefaultDeadline),
		notNegative("DeadlineMargin", c.DeadlineMargin),
		positive("ReadHeaderTimeout", c.ReadHeaderTimeout),
		positive("ReadTimeout", c.ReadTimeout),
		positive("WriteTimeout", c.WriteTimeout),
		positive("IdleTimeout", c.IdleTimeout),
		positive("MaxConnectionAge", c.MaxConnectionAge),
		notNegative("DrainDelay", c.DrainDelay),
		positive("ShutdownTimeout", c.ShutdownTimeout),
	)
}

func address(name, value string) error {
	if _, _, err := net.SplitHostPort(value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func atLeast(name string, value, least int) error {
	if value < least {
		return fmt.Errorf("%s is %d, and must be at least %d", name, value, least)
	}
	return nil
}

func positive(name string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s is %s, and must be positive", name, d)
	}
	return nil
}

func notNegative(name string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("%s is %s, and must not be negative", name, d)
	}
	return nil
}
