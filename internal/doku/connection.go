package doku

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// connection is one connection to DOKU. Requests and answers pass through our
// own buffers, one after the other and in one goroutine: so nothing is sent
// twice, and a byte that answers no request of ours is seen as such and never
// logged.
type connection struct {
	net.Conn // the TLS connection, or the plain one to loopback

	head   io.LimitedReader // what reader may still take, of the current answer
	reader *bufio.Reader
	idle   time.Time // since when it has been in the pool
}

// most of an answer, its head included, that is read off the wire: a body of
// maxBody in small chunks is more on the wire than by itself.
const maxAnswer = 4 * maxBody

func newConnection(conn net.Conn) *connection {
	c := &connection{Conn: conn}
	c.head.R = conn
	c.reader = bufio.NewReader(&c.head)
	return c
}

// write sends the whole request at once, past the guard. The state says whether a
// byte of it may have left.
func (c *connection) write(request []byte, l *limit) (sendState, error) {
	g := &sendGuard{conn: c.Conn, limit: l}
	_, err := g.Write(request)
	return g.state, err
}

// read returns the head of the answer, whose body is then read off the
// connection.
func (c *connection) read() (*http.Response, error) {
	c.head.N = maxAnswer
	for range maxInterim {
		res, err := http.ReadResponse(c.reader, nil) // read as the answer to a GET is: as that to any POST
		if err != nil || res.StatusCode >= http.StatusOK || res.StatusCode == http.StatusSwitchingProtocols {
			return res, err
		}
		_ = res.Body.Close()
	}
	return nil, errTooManyInterim
}

// maxInterim is how many answers 1xx may come before the answer itself.
const maxInterim = 5

// rest is what a connection holds where nothing more should come.
type rest uint8

const (
	nothing rest = iota
	surplus      // bytes that belong to no answer of ours
	ended        // the other side has closed it
	hidden       // it cannot be looked at
)

// used reports whether the connection has carried another request.
func (c *connection) used() bool { return !c.idle.IsZero() }

// early looks at a new connection: the other side may have spoken before it was
// asked anything, or have gone.
func (c *connection) early() rest {
	secure, ok := c.Conn.(*tls.Conn)
	if !ok {
		return peek(c.Conn)
	}
	found := peek(secure.NetConn())
	if found == surplus { // perhaps only the session tickets that end a handshake
		return c.more(ticketTime)
	}
	return found
}

// late waits for what comes after an answer that nothing ties to its request,
// which may have been the second answer to the one before: then the server's
// answer to this one is still to come.
func (c *connection) late(ctx context.Context) rest {
	wait := lateTime
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	return c.more(wait)
}

const (
	ticketTime = 2 * time.Millisecond
	lateTime   = 250 * time.Millisecond
)

// more waits for a byte.
func (c *connection) more(wait time.Duration) rest {
	if c.SetReadDeadline(time.Now().Add(wait)) != nil {
		return ended
	}
	n, err := c.Read(make([]byte, 1))
	switch {
	case n > 0:
		return surplus
	case errors.Is(err, os.ErrDeadlineExceeded) && c.SetReadDeadline(time.Time{}) == nil:
		return nothing
	default:
		return ended
	}
}

// rest looks without waiting. Only a connection with nothing on it may carry
// another request.
func (c *connection) rest() rest {
	if c.reader.Buffered() > 0 {
		return surplus
	}
	secure, ok := c.Conn.(*tls.Conn)
	if !ok {
		return peek(c.Conn)
	}
	// What is on the wire may be a TLS alert, which is not an answer: to tell them
	// apart it has to be read. Otherwise the layer's own buffer is all there is.
	found := peek(secure.NetConn())
	wait := map[rest]time.Time{nothing: time.Unix(1, 0), surplus: time.Now().Add(decryptTime)}
	until, readable := wait[found]
	if !readable {
		return found
	}
	return decrypted(secure, until, found == nothing)
}

// decryptTime bounds the reading of bytes that have arrived: they may be the
// beginning of a record whose end does not come.
const decryptTime = 20 * time.Millisecond

func decrypted(conn *tls.Conn, until time.Time, quiet bool) rest {
	if conn.SetReadDeadline(until) != nil {
		return ended
	}
	n, err := conn.Read(make([]byte, 1))
	switch {
	case n > 0:
		return surplus
	case quiet && errors.Is(err, os.ErrDeadlineExceeded) && conn.SetReadDeadline(time.Time{}) == nil:
		return nothing
	default:
		return ended
	}
}

// watch ends what the connection is doing when ctx ends. stop reports whether
// that has not happened: only then may the connection be used again.
func (c *connection) watch(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
}

// sendState says how far a request came.
type sendState uint8

const (
	unsentYet sendState = iota // no byte has left
	leaving                    // a byte may have left
	tooLate                    // no byte has left and none will: send_by had passed
)

// sendGuard stands before the socket. For a refund it is what refuses the first
// byte after send_by. Later bytes are looked at too: a request whose tail
// arrives after send_by is executed after send_by.
type sendGuard struct {
	conn  net.Conn
	limit *limit // nil: may leave at any time
	state sendState
}

// Write implements [io.Writer].
func (g *sendGuard) Write(p []byte) (int, error) {
	if g.state == tooLate || g.limit != nil && g.limit.past() {
		if g.state == unsentYet {
			g.state = tooLate
		}
		return 0, errTooLate
	}
	g.state = leaving
	return g.conn.Write(p)
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
