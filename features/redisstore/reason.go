package redisstore

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/nextbest/nextbest/features"
)

// codes are the error codes of Redis that have a label of their own, and whether they say that the server, and not
// this one call, is unfit to answer.
var codes = map[string]bool{
	"WRONGTYPE":   false,
	"OOM":         false, // reads go on
	"MISCONF":     false, // reads go on
	"READONLY":    false,
	"NOREPLICAS":  false,
	"NOPERM":      false,
	"MOVED":       false, // more redirects than the client follows
	"ASK":         false,
	"TRYAGAIN":    false,
	"BUSY":        true,
	"LOADING":     true,
	"NOAUTH":      true,
	"WRONGPASS":   true,
	"CLUSTERDOWN": true,
	"MASTERDOWN":  true,
}

const (
	reasonMaxClients  = "maxclients"
	reasonServerError = "server_error"
)

// classify finds an error's reason, and whether it counts against the server.
func classify(err error) (reason string, unfit bool) {
	var server redis.Error
	var network net.Error
	switch {
	case err == nil:
		return "", false
	case errors.Is(err, errOpen):
		return features.ReasonOpen, false
	case errors.Is(err, errQueueFull):
		return features.ReasonQueueFull, false
	case errors.Is(err, errTooManyFields):
		return features.ReasonTooLarge, false
	case errors.Is(err, context.Canceled):
		return features.ReasonCanceled, false
	case errors.As(err, &server) && !errors.Is(err, redis.ErrPoolTimeout) && !errors.Is(err, redis.ErrPoolExhausted):
		return classifyAnswer(server.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted),
		errors.As(err, &network) && network.Timeout():
		return features.ReasonTimeout, true
	}
	return features.ReasonUnreachable, true
}

func classifyAnswer(message string) (reason string, unfit bool) {
	code, _, _ := strings.Cut(message, " ")
	if unfit, known := codes[code]; known {
		return strings.ToLower(code), unfit
	}
	if strings.Contains(message, "max number of clients") {
		return reasonMaxClients, true
	}
	return reasonServerError, false
}
