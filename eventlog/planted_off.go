//go:build !planted_ack

package eventlog

// plantedAck is the bug that the kill -9 test must find: acknowledge events before they are written. It is built in
// by the tag planted_ack only.
const plantedAck = false
