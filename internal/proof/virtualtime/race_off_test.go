//go:build !race

package virtualtime_test

// underRace leaves out what takes minutes under the race detector.
const underRace = false
