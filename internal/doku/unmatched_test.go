package doku

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"refundworker.example/refundworker/internal/secret"
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
			w.Header().Set("Request-Id", r.Header.Get("Request-Id"))
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

// overTLS starts a server that speaks over TLS connections byte by byte.
func overTLS(t *testing.T, handle func(conn net.Conn)) (url string, roots *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	roots = x509.NewCertPool()
	roots.AddCert(s.Certificate())
	raw := rawServer(t, func(conn net.Conn, _ int) {
		secure := tls.Server(conn, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: s.TLS.Certificates})
		if secure.HandshakeContext(t.Context()) == nil {
			handle(secure)
		}
	})
	return "https" + strings.TrimPrefix(raw, "http"), roots
}

func TestServerThatSpeaksFirstOverTLSIsSentNothing(t *testing.T) {
	t.Parallel()
	spoken := make(chan struct{})
	got := make(chan []byte, 1)
	url, roots := overTLS(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, plainAnswer(200, "", snapSuccessBody))
		close(spoken)
		seen, _ := io.ReadAll(conn)
		got <- seen
	})
	c := newTestClient(t, url, func(c *Config) { c.RootCAs = roots })
	o := snapOrder()
	c.tokens.current = token{value: secret.New(testToken), ends: time.Now().Add(time.Hour), renew: time.Now().Add(time.Hour)}
	wire := c.wire.dialer.cfg.DialContext
	c.wire.dialer.cfg.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := wire(ctx, network, address)
		return heldBack{conn, spoken}, err
	}
	wantVerdict(t, c.Refund(t.Context(), o), NotExecuted, NotWritten)
	if seen := <-got; len(seen) != 0 {
		t.Errorf("the server saw %q", seen)
	}
}

// heldBack is a connection whose handshake ends when the other side has spoken.
type heldBack struct {
	net.Conn
	spoken <-chan struct{}
}

// SyscallConn lets the client look at the socket; that is the first it does after
// the handshake.
func (c heldBack) SyscallConn() (syscall.RawConn, error) {
	<-c.spoken
	return c.Conn.(syscall.Conn).SyscallConn()
}

// twice answers every request, and every third once more a moment later, as a
// gateway does that has lost the thread: with the same answer, which belongs to
// the request before.
func twice(conn net.Conn, answer func(req *http.Request, invoice string) string) {
	var writing sync.Mutex
	var late sync.WaitGroup
	defer late.Wait()
	write := func(text string) {
		writing.Lock()
		defer writing.Unlock()
		_, _ = io.WriteString(conn, text)
	}
	r := bufio.NewReader(conn)
	for n := 1; ; n++ {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		var asked cardRefund
		if json.UnmarshalRead(req.Body, &asked) != nil {
			return
		}
		text := answer(req, asked.Order.InvoiceNumber)
		write(text)
		if n%3 == 0 {
			late.Go(func() {
				<-time.After(time.Duration(n%5) * 200 * time.Microsecond)
				write(text)
			})
		}
	}
}

// fates are what becomes of refunds, by their invoice numbers.
var fates = []struct {
	status int
	body   string
	signed bool
	class  Class
}{
	{200, cardSuccessBody, true, Succeeded},
	{400, `{"error":{"code":"PAYMENT_FAILED"}}`, false, Failed},
	{200, cardSuccessBody, true, Succeeded},
	{429, `{"error":{"code":"TOO_MANY_REQUESTS"}}`, true, NotExecuted},
	{400, `{"error":{"code":"PAYMENT_FAILED"}}`, true, Failed},
	{401, `{"error":{"code":"invalid_token"}}`, true, NotExecuted},
}

func TestCardAnswersGivenTwiceSettleNobodyElse(t *testing.T) {
	t.Parallel()
	url := rawServer(t, func(conn net.Conn, _ int) {
		twice(conn, func(req *http.Request, invoice string) string {
			n, _ := strconv.Atoi(strings.TrimPrefix(invoice, "INV-"))
			fate, rec := fates[n%len(fates)], httptest.NewRecorder()
			if fate.signed {
				answerSigned(rec, req, fate.status, strings.Replace(fate.body, "INV-20210118-0001", invoice, 1))
			} else {
				_, _ = io.WriteString(rec, fate.body)
			}
			var head bytes.Buffer
			_ = rec.Header().Write(&head)
			return plainAnswer(fate.status, head.String(), rec.Body.String())
		})
	})
	const workers, refunds = 16, 2000
	c := newTestClient(t, url, func(c *Config) { c.Slots = workers })
	var next, proven atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for n := next.Add(1); n <= refunds; n = next.Add(1) {
				o := cardOrder()
				o.InvoiceNumber, o.RequestID = fmt.Sprintf("INV-%d", n), fmt.Sprintf("request-%d", n)
				switch v := c.Refund(t.Context(), o); v.Class {
				case fates[n%int64(len(fates))].class:
					proven.Add(1)
				case Unknown:
				default:
					t.Errorf("%s: %v: %s", o.InvoiceNumber, v.Class, v.Problem)
				}
			}
		})
	}
	group.Wait()
	if proven.Load() < refunds/2 {
		t.Errorf("%d of %d proven", proven.Load(), refunds)
	}
}

func TestConnectionIsUsedAgainOnlyAfterAnAnswerToItsRequest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		conns  int32
	}{
		"signed": {func(w http.ResponseWriter, r *http.Request) { answerSigned(w, r, 401, `{}`) }, 1},
		"named": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Request-Id", r.Header.Get("Request-Id"))
			w.WriteHeader(http.StatusUnauthorized)
		}, 1},
		"neither": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, 3},
		"signed wrongly": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Request-Id", r.Header.Get("Request-Id"))
			w.Header().Set("Signature", "HMACSHA256=AAAA")
			w.WriteHeader(http.StatusUnauthorized)
		}, 3},
	} {
		var conns atomic.Int32
		c := newTestClient(t, serve(t, tt.answer).URL, counted(&conns))
		for range 3 {
			wantVerdict(t, c.Refund(t.Context(), cardOrder()), NotExecuted, Credentials)
		}
		if conns.Load() != tt.conns {
			t.Errorf("%s: %d connections, want %d", name, conns.Load(), tt.conns)
		}
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
		req, err := readRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, keptAlive(req))
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
