package doku

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// keptAlive is a refusal that names its request: the connection is used again.
func keptAlive(req *http.Request) string {
	return "HTTP/1.1 429 Too Many Requests\r\nRequest-Id: " + req.Header.Get("Request-Id") + "\r\nContent-Length: 0\r\n\r\n"
}

// The server keeps the connection, reads the second request in full and then
// resets: the very moment at which a client that repeats would pay twice.
func TestRequestLostOnAPooledConnectionIsNotRepeated(t *testing.T) {
	t.Parallel()
	var posts, conns atomic.Int32
	url := rawServer(t, func(conn net.Conn, n int) {
		conns.Add(1)
		r := bufio.NewReader(conn)
		for i := 1; ; i++ {
			req, err := readRequest(r)
			if err != nil {
				return
			}
			posts.Add(1)
			if i == 2 {
				reset(conn)
				return
			}
			_, _ = io.WriteString(conn, keptAlive(req))
		}
	})
	c := newTestClient(t, url)
	wantVerdict(t, c.Refund(t.Context(), cardOrder()), NotExecuted, Throttled)
	wantVerdict(t, c.Refund(t.Context(), cardOrder()), Unknown, Failing)
	if posts.Load() != 2 || conns.Load() != 1 {
		t.Errorf("%d posts over %d connections", posts.Load(), conns.Load())
	}
}

// The server closes the idle connection without a word, as load balancers do.
// Whether the client has noticed by the second refund is a race; what must hold
// is that one refund is one request or none, and that the verdict knows which.
func TestRefundOnAConnectionClosedWhileIdleIsSentAtMostOnce(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	closed := make(chan struct{}, 100)
	url := rawServer(t, func(conn net.Conn, n int) {
		if req, err := readRequest(bufio.NewReader(conn)); err == nil {
			posts.Add(1)
			_, _ = io.WriteString(conn, keptAlive(req))
		}
		_ = conn.Close()
		closed <- struct{}{}
	})
	c := newTestClient(t, url)
	for range 50 {
		before := posts.Load()
		v := c.Refund(t.Context(), cardOrder())
		sent := posts.Load() - before
		switch {
		case v.Class == NotExecuted && v.Cause == Throttled && sent == 1:
			<-closed
		case v.Class == NotExecuted && v.Cause == NotWritten && sent == 0:
		case v.Class == Unknown && sent == 0:
		default:
			t.Fatalf("%d requests, %v/%v: %s", sent, v.Class, v.Cause, v.Problem)
		}
	}
}

// steppingClock is within send_by until it is told to continue. What SIGSTOP does
// to a process, it does to the moment before the first byte.
type steppingClock struct {
	mu    sync.Mutex
	times []time.Time
}

func (s *steppingClock) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.times[0]
	if len(s.times) > 1 {
		s.times = s.times[1:]
	}
	return t
}

func TestStoppedProcessSendsNoByteOnAPooledConnection(t *testing.T) {
	t.Parallel()
	rest := make(chan []byte, 1)
	url := rawServer(t, func(conn net.Conn, n int) {
		r := bufio.NewReader(conn)
		req, err := readRequest(r)
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, keptAlive(req))
		got, _ := io.ReadAll(r)
		rest <- got
	})
	start := time.Now()
	clock := &steppingClock{times: []time.Time{start}}
	c := newTestClient(t, url, func(c *Config) { c.Now = clock.now })
	o := cardOrder()
	o.SendBy = start.Add(10 * time.Second)
	wantVerdict(t, c.Refund(t.Context(), o), NotExecuted, Throttled)

	// Arrival, the check at arrival, the timestamp and the start of the call see
	// the old time; the look before the first byte sees an hour later.
	clock.mu.Lock()
	clock.times = []time.Time{start, start, start, start, start.Add(time.Hour)}
	clock.mu.Unlock()
	v := c.Refund(t.Context(), o)
	wantVerdict(t, v, NotExecuted, TooLate)
	if v.Problem != "send_by passed before the first byte" {
		t.Errorf("problem: %s", v.Problem)
	}
	if got := <-rest; len(got) != 0 {
		t.Errorf("the server saw %q", got)
	}
}

func TestSlowDialSendsNoByteAfterSendBy(t *testing.T) {
	t.Parallel()
	arrived := make(chan []byte, 1)
	now := time.Now()
	clock := &steppingClock{times: []time.Time{now}}
	c := newTestClient(t, "http://127.0.0.1", func(c *Config) {
		c.Now = clock.now
		c.DialContext = func(context.Context, string, string) (net.Conn, error) {
			clock.mu.Lock()
			clock.times = []time.Time{now.Add(time.Minute)}
			clock.mu.Unlock()
			here, there := net.Pipe()
			go func() {
				got, _ := io.ReadAll(there)
				arrived <- got
			}()
			return here, nil
		}
	})
	o := cardOrder()
	o.SendBy = now.Add(10 * time.Second)
	wantVerdict(t, c.Refund(t.Context(), o), NotExecuted, TooLate)
	if got := <-arrived; len(got) != 0 {
		t.Errorf("%q arrived", got)
	}
}

func TestOrderThatComesTooLateOpensNoConnection(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, "http://127.0.0.1", func(c *Config) {
		c.DialContext = func(context.Context, string, string) (net.Conn, error) {
			t.Error("dialed")
			return nil, io.EOF
		}
	})
	o := cardOrder()
	o.SendBy = time.Now().Add(-time.Second)
	wantVerdict(t, c.Refund(t.Context(), o), NotExecuted, TooLate)
}

// What lies in an idle connection is an answer to nobody: the connection goes.
func TestUnaskedAnswerIsNotTakenForTheNextOne(t *testing.T) {
	t.Parallel()
	idle, written, rest := make(chan struct{}), make(chan struct{}), make(chan []byte, 1)
	url := rawServer(t, func(conn net.Conn, n int) {
		r := bufio.NewReader(conn)
		req, err := readRequest(r)
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, keptAlive(req))
		if n == 1 {
			<-idle
			_, _ = io.WriteString(conn, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
			close(written)
			got, _ := io.ReadAll(r)
			rest <- got
		}
	})
	c := newTestClient(t, url)
	wantVerdict(t, c.Refund(t.Context(), cardOrder()), NotExecuted, Throttled)
	close(idle)
	<-written
	wantVerdict(t, c.Refund(t.Context(), cardOrder()), NotExecuted, Throttled)
	if got := <-rest; len(got) != 0 {
		t.Errorf("the client went on with %q", got)
	}
}

func TestPoolKeepsAConnectionForEverySlot(t *testing.T) {
	t.Parallel()
	const slots = 6
	var conns atomic.Int32
	var together sync.WaitGroup
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		together.Done()
		together.Wait() // all at once, so that each needs its own connection
		answerSigned(w, r, 200, cardSuccessBody)
	})
	c := newTestClient(t, s.URL, func(c *Config) {
		c.Slots = slots
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conns.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
	})
	for range 3 {
		together.Add(slots)
		var calls sync.WaitGroup
		for range slots {
			calls.Go(func() { wantVerdict(t, c.Refund(t.Context(), cardOrder()), Succeeded, Plain) })
		}
		calls.Wait()
	}
	if conns.Load() != slots {
		t.Errorf("%d connections for %d slots", conns.Load(), slots)
	}
}
