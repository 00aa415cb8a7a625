// Package long keeps proofs that take minutes out of the tests that everybody
// runs. They are steps of CI and targets of their own, such as `make chaos-short`.
package long

import (
	"os"
	"testing"
)

// variable is set to 1 by the targets that run the long proofs.
const variable = "LONG_PROOFS"

// Asked reports whether the long proofs were asked for.
func Asked() bool { return os.Getenv(variable) == "1" }

// Only skips a test that takes long unless it was asked for; target is the make
// target that asks.
func Only(t testing.TB, target string) {
	t.Helper()
	if !Asked() {
		t.Skipf("takes long: run `make %s`", target)
	}
}
