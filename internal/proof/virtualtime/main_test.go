package virtualtime_test

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server/ats"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/proof/long"
)

// TestMain starts the server's clock for access times outside of all virtual time,
// where it may tick forever.
func TestMain(m *testing.M) {
	ats.Register()
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// oneAtATime is held by the scenario that runs. Timers of a scenario that ended
// are in pools of the NATS client; one that another scenario took would end the
// process.
var oneAtATime sync.Mutex

// inLongVirtualTime is inVirtualTime for a scenario that takes long.
func inLongVirtualTime(t *testing.T, scenario func(s *stack)) {
	t.Helper()
	long.Only(t, "virtualtime")
	inVirtualTime(t, scenario)
}

// inVirtualTime runs scenario on a fresh stack, in time that is not real. It begins
// at 2000-01-01 01:00 UTC, 08:00 in Jakarta. The scenario's own t is the stack's.
func inVirtualTime(t *testing.T, scenario func(s *stack)) {
	t.Helper()
	dir := t.TempDir()
	oneAtATime.Lock()
	defer oneAtATime.Unlock()
	runtime.GC() // to the pools' second hand
	runtime.GC() // and out of it
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, dir)
		defer s.close()
		scenario(s)
	})
}

// pipes is a network of one address: every connection is a net.Pipe.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

// dial returns one end and hands the other to Accept.
func (p *pipes) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Accept implements [net.Listener].
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements [net.Listener].
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// pass lets d go by.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// passUntil lets time go by until at; never backwards.
func passUntil(t *testing.T, at time.Time) {
	t.Helper()
	if d := time.Until(at); d > 0 {
		pass(t, d)
	}
}

// errDied ends a handling as the death of its process would.
var errDied = errors.New("this process has died")
