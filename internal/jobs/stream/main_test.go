package stream_test

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
	// The server's mirrors give up some seconds after their server has.
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*stream).setupMirrorConsumer.func3"))
}
