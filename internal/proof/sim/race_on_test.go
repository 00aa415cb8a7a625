//go:build race

package sim

// underRace shrinks what is slow under the race detector.
const underRace = true
