//go:build planted_ack

package eventlog

// plantedAck: see planted_off.go.
const plantedAck = true
