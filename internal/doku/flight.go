package doku

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// flight is one request's way onto the wire. It knows whether a byte of it may
// have left, and for a refund it is what refuses the first byte after send_by
// (design.md §4). net/http's errors do not tell these cases apart: they are
// about connections, not about requests.
type flight struct {
	limit *limit // nil: may leave at any time, over any connection

	mu    sync.Mutex
	state flightState
	conn  *guardedConn // the connection that the first byte went to
}

type flightState uint8

const (
	onGround flightState = iota // no byte has left, one still may
	leaving                     // a byte may have left
	tooLate                     // no byte has left and none will: send_by had passed
	sealed                      // no byte has left and none will: the call is over
	landed                      // the answer has been read: the call is over
)

// permit is asked by a connection before each write. Later writes are looked at
// too: a request whose tail arrives after send_by is executed after send_by.
func (f *flight) permit(conn *guardedConn) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.state == sealed, f.state == landed:
		return errSealed
	case f.state == tooLate:
		return errTooLate
	case f.limit == nil:
	case f.state == leaving && f.conn != conn:
		return errSecondConnection
	case f.limit.past():
		if f.state == onGround {
			f.state = tooLate
		}
		return errTooLate
	}
	f.state, f.conn = leaving, conn
	return nil
}

// settle ends the call and says how far it came. A write that net/http may
// still have under way after it has returned finds the flight sealed.
func (f *flight) settle() flightState {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == onGround {
		f.state = sealed
	}
	return f.state
}

// land ends a call whose answer has been read.
func (f *flight) land() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = landed
}

// expects reports whether what arrives now can be an answer to this request.
func (f *flight) expects() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state == leaving
}

// limit holds send_by on two clocks: the wall clock may be set back, and the
// monotonic one stands still while a virtual machine sleeps.
type limit struct {
	wall    time.Time     // send_by, without a monotonic reading
	arrived time.Time     // when the order came, with its monotonic reading
	left    time.Duration // how long after that the last byte may leave
	now     func() time.Time
}

func newLimit(sendBy time.Time, now func() time.Time) *limit {
	arrived := now()
	wall := sendBy.Round(0)
	// If send_by was made in this process, it has a monotonic reading of its
	// own, which has seen what happened to the wall clock since.
	left := min(wall.Sub(arrived.Round(0)), sendBy.Sub(arrived))
	return &limit{wall: wall, arrived: arrived, left: left, now: now}
}

func (l *limit) past() bool {
	now := l.now()
	return l.pastAt(now.Round(0), now.Sub(l.arrived))
}

func (l *limit) pastAt(wall time.Time, elapsed time.Duration) bool {
	return wall.After(l.wall) || elapsed > l.left
}

// guardedConn asks the flight that it is armed with before each write, and
// delivers nothing that arrives before a request has left or after its answer
// was read: that answers somebody else's, and net/http would log it. It wraps
// the TLS connection after its handshake, so that what it sees is requests and
// answers alone.
type guardedConn struct {
	net.Conn

	flight atomic.Pointer[flight]
}

// Write implements [net.Conn].
func (c *guardedConn) Write(p []byte) (int, error) {
	if f := c.flight.Load(); f != nil {
		if err := f.permit(c); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// Read implements [net.Conn].
func (c *guardedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if f := c.flight.Load(); n > 0 && (f == nil || !f.expects()) {
		_ = c.Close()
		return 0, errUnsolicited
	}
	return n, err
}
