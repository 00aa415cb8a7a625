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
)

// TestMain starts the server's clock for access times outside of all bubbles,
// where it may tick for ever.
func TestMain(m *testing.M) {
	ats.Register()
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// oneBubble is held by the bubble that runs. Timers of a bubble that ended lie
// in pools of the NATS client; one that another bubble took would end the
// process.
var oneBubble sync.Mutex

// inLongBubble is inBubble for a scenario that is too long for the race
// detector.
func inLongBubble(t *testing.T, scenario func(s *stack)) {
	t.Helper()
	if underRace {
		t.Skip("takes minutes under the race detector")
	}
	inBubble(t, scenario)
}

// inBubble runs scenario on a fresh stack, in time that is not real. It begins
// at 2000-01-01 01:00 UTC, 08:00 in Jakarta. The bubble's own t is the stack's.
func inBubble(t *testing.T, scenario func(s *stack)) {
	t.Helper()
	dir := t.TempDir()
	oneBubble.Lock()
	defer oneBubble.Unlock()
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
