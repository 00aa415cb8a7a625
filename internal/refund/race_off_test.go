//go:build !race

package refund

// underRace shrinks what is slow under the race detector.
const underRace = false
