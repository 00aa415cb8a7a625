//go:build race

package bubble_test

// underRace leaves out what takes minutes under the race detector.
const underRace = true
