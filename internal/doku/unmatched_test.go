package doku

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// counted counts the connections that a client opens.
func counted(conns *atomic.Int32) func(*Config) {
	return func(c *Config) {
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conns.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
	}
}

// plainAnswer is a whole answer, as it is on the wire.
func plainAnswer(status int, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
}

func TestOnlyCardRefundsShareConnections(t *testing.T) {
	t.Parallel()
	var conns atomic.Int32
	s := snapServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
			answerSigned(w, r, 200, cardStatusBody)
		case r.URL.Path == cardRefundPath:
			answerSigned(w, r, 200, cardSuccessBody)
		default:
			_, _ = io.WriteString(w, snapSuccessBody)
		}
	})
	c := newTestClient(t, s.URL, counted(&conns))
	prepare(t, c)
	for name, tt := range map[string]struct {
		call func()
		more int32 // connections for three calls
	}{
		"card refund":  {func() { c.Refund(t.Context(), cardOrder()) }, 1},
		"card inquiry": {func() { c.Inquire(t.Context(), cardOrder()) }, 3},
		"snap refund":  {func() { c.Refund(t.Context(), snapOrder()) }, 3},
		"snap inquiry": {func() { c.Inquire(t.Context(), snapOrder()) }, 3},
	} {
		before := conns.Load()
		for range 3 {
			tt.call()
		}
		if got := conns.Load() - before; got != tt.more {
			t.Errorf("%s: %d connections, want %d", name, got, tt.more)
		}
	}
}

// The server answers the first request of every connection once more, with a
// success that belongs to another refund.
func TestConnectionThatAnswersOnceTooOftenSettlesNobodyElse(t *testing.T) {
	t.Parallel()
	url := rawServer(t, func(conn net.Conn, n int) {
		r := bufio.NewReader(conn)
		for i := 0; ; i++ {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(req.Body)
			status, answer := 404, `{"responseCode":"4040701","responseMessage":"Transaction Not Found"}`
			switch {
			case req.URL.Path == tokenPath:
				status, answer = 200, tokenSuccessBody
			case strings.Contains(string(body), "PAID"):
				status, answer = 200, snapSuccessBody
			}
			_, _ = io.WriteString(conn, plainAnswer(status, "", answer))
			if i == 0 && req.URL.Path != tokenPath {
				_, _ = io.WriteString(conn, plainAnswer(200, "", snapSuccessBody))
			}
		}
	})
	c := newTestClient(t, url, func(c *Config) { c.Slots = 8 })
	prepare(t, c)
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			o := snapOrder()
			o.InvoiceNumber = fmt.Sprintf("%s-%d", []string{"PAID", "OPEN"}[i%2], i)
			if v := c.Refund(t.Context(), o); v.Class == Succeeded && i%2 == 1 {
				t.Errorf("%s succeeded: %+v", o.InvoiceNumber, v)
			}
		})
	}
	group.Wait()
}

func TestAnswerWithSurplusProvesOnlyWhatIsSigned(t *testing.T) {
	t.Parallel()
	const surplus = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
	for name, tt := range map[string]struct {
		status int
		body   string
		signed bool
		want   Class
	}{
		"signed success":    {200, cardSuccessBody, true, Succeeded},
		"unsigned refusal":  {400, `{"error":{"code":"INVALID_PARAMETER"}}`, false, Unknown},
		"unsigned throttle": {429, `{}`, false, Unknown},
	} {
		url := rawServer(t, func(conn net.Conn, _ int) {
			req, err := readRequest(bufio.NewReader(conn))
			if err != nil {
				return
			}
			rec := httptest.NewRecorder()
			if tt.signed {
				answerSigned(rec, req, tt.status, tt.body)
			}
			var head bytes.Buffer
			_ = rec.Header().Write(&head)
			_, _ = io.WriteString(conn, plainAnswer(tt.status, head.String(), tt.body)+surplus)
		})
		if v := newTestClient(t, url).Refund(t.Context(), cardOrder()); v.Class != tt.want {
			t.Errorf("%s: %v, want %v: %s", name, v.Class, tt.want, v.Problem)
		}
	}
}

func TestSurplusInsideTLSIsSeen(t *testing.T) {
	t.Parallel()
	var conns atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conns.Load() == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		conn, buffer, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = buffer.WriteString(plainAnswer(429, "", "") + plainAnswer(200, "", cardSuccessBody))
		_ = buffer.Flush()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}))
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := newTestClient(t, s.URL, counted(&conns), func(c *Config) { c.RootCAs = roots })
	for range 3 {
		wantVerdict(t, c.Refund(t.Context(), cardOrder()), NotExecuted, Throttled)
	}
	if conns.Load() != 1 {
		t.Fatalf("%d connections, want one used three times", conns.Load())
	}
	conns.Add(1) // from here on the server answers twice
	v := c.Refund(t.Context(), cardOrder())
	if v.Class != Unknown || !strings.Contains(v.Problem, "more came") {
		t.Errorf("got %v: %s", v.Class, v.Problem)
	}
}

func TestAnswerThatNamesAnotherRequestIdProvesNothing(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 409, 429} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Request-Id", "another")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"error":{"code":"INVALID_PARAMETER"}}`)
		})
		v := newTestClient(t, s.URL).Refund(t.Context(), cardOrder())
		if v.Class != Unknown || v.Cause == Collision {
			t.Errorf("%d: %v/%v: %s", status, v.Class, v.Cause, v.Problem)
		}
	}
}

func TestServerThatSpeaksFirstIsSentNothing(t *testing.T) {
	t.Parallel()
	got := make(chan []byte, 1)
	spoken := make(chan struct{})
	url := rawServer(t, func(conn net.Conn, _ int) {
		_, _ = io.WriteString(conn, plainAnswer(200, "", snapSuccessBody))
		close(spoken)
		seen, _ := io.ReadAll(conn)
		got <- seen
	})
	c := newTestClient(t, url, func(c *Config) {
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			<-spoken
			return conn, err
		}
	})
	wantVerdict(t, c.Refund(t.Context(), cardOrder()), NotExecuted, NotWritten)
	if seen := <-got; len(seen) != 0 {
		t.Errorf("the server saw %q", seen)
	}
}

// Not parallel: the standard logger is everybody's.
func TestNoByteOfAnAnswerReachesTheStandardLogger(t *testing.T) { //nolint:paralleltest // see above
	var said bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil))) // the standard logger writes there too
	defer slog.SetDefault(before)
	sent := make(chan struct{})
	url := rawServer(t, func(conn net.Conn, _ int) {
		if _, err := readRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		_, _ = io.WriteString(conn, keptAlive)
		_, _ = io.WriteString(conn, plainAnswer(200, "", `{"accessToken":"secret"}`))
		close(sent)
	})
	c := newTestClient(t, url, func(c *Config) { c.Log = slog.New(slog.DiscardHandler) })
	c.Refund(t.Context(), cardOrder())
	<-sent
	c.Close()
	if said.Len() > 0 {
		t.Errorf("logged %q", said.String())
	}
}
