package intake_test

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server/ats"
	"go.uber.org/goleak"
)

// The server's access-time ticker belongs to the first that registers it and ends
// with the last; held here, it outlives every server of the tests and is no
// leak of theirs.
func TestMain(m *testing.M) {
	ats.Register()
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}
