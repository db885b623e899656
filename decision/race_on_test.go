//go:build race

package decision

// raceDetector says that the tests run under the race detector, which has sync.Pool forget at random.
const raceDetector = true
