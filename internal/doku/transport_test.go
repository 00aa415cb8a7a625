package doku

import (
	"bufio"
	"context"
	"crypto/tls"
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
	"testing/synctest"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
)

// rawServer hands each accepted connection to handle, with its number from 1.
func rawServer(t *testing.T, handle func(conn net.Conn, n int)) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for n := 1; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				handle(conn, n)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return "http://" + l.Addr().String()
}

// readRequest takes one whole request off the connection.
func readRequest(r *bufio.Reader) (*http.Request, error) {
	req, err := http.ReadRequest(r)
	if err == nil {
		_, err = io.Copy(io.Discard, req.Body)
	}
	return req, err
}

// reset closes the connection with RST.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func TestCardRefundIsSentAsTheSeedShows(t *testing.T) {
	t.Parallel()
	type seen struct {
		line, body string
		header     http.Header
	}
	got := make(chan seen, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r.Method + " " + r.RequestURI, string(body), r.Header}
		answerSigned(w, r, 200, cardSuccessBody)
	})
	at := time.Date(2020, 8, 12, 9, 45, 42, 5, time.UTC)
	o := cardOrder()
	o.SendBy = at.Add(10 * time.Second)
	v := newTestClient(t, s.URL, func(c *Config) { c.Now = func() time.Time { return at } }).Refund(t.Context(), o)
	wantVerdict(t, v, Succeeded, Plain)
	r := <-got
	if r.line != "POST /cancellation/credit-card/refund" {
		t.Error(r.line)
	}
	for name, want := range map[string]string{
		"Client-Id": testClientID, "Request-Id": o.RequestID, "Request-Timestamp": "2020-08-12T09:45:42Z",
		"Signature": "HMACSHA256=AzT0uhv2BOjTgilRRCfVN5RTcfThQM4JJ4MCz221hh4=", "Content-Type": "application/json",
		"Content-Length": fmt.Sprint(len(r.body)),
	} {
		if got := r.header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := r.header.Get("Accept-Encoding"); got != "" {
		t.Errorf("asks for %s: the digest of the answer is over its bytes on the wire", got)
	}
	if strings.HasSuffix(r.body, "\n") || !strings.HasPrefix(r.body, `{"order":{`) {
		t.Errorf("body %q", r.body)
	}
}

func TestSNAPHeadersFollowTheChannelTable(t *testing.T) {
	t.Parallel()
	headers := make(chan http.Header, 1)
	s := snapServer(t, func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header
		_, _ = io.WriteString(w, `{"responseCode":"2000700"}`)
	})
	c := newTestClient(t, s.URL)
	prepare(t, c)
	for _, ch := range channel.All()[1:] {
		o := snapOrder()
		o.Channel, o.Customer = ch, fullCustomer()
		if ch == channel.DirectDebitAllo {
			o.InvoiceNumber, o.PartnerRefundNo = strings.Repeat("I", 32), strings.Repeat("P", 32)
		}
		wantVerdict(t, c.Refund(t.Context(), o), Succeeded, Plain)
		got, facts := <-headers, ch.Facts()
		for name, want := range map[string]string{
			"X-Partner-Id": testClientID, "X-External-Id": o.ExternalID, "Authorization": "Bearer " + testToken,
			"Authorization-Customer": only(facts.CustomerToken, "Bearer customer-token-1"),
			"X-Ip-Address":           only(facts.IPAddress, "10.20.30.40"), "X-Device-Id": only(facts.DeviceID, "device-0001"),
			"Channel-Id": "",
		} {
			if got.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", ch, name, got.Get(name), want)
			}
		}
	}
}

func only(need channel.Need, value string) string {
	if need == channel.Unused {
		return ""
	}
	return value
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var calls atomic.Int32
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		wantVerdict(t, newTestClient(t, s.URL).Refund(t.Context(), cardOrder()), Unknown, Failing)
		if calls.Load() != 1 {
			t.Errorf("%d: %d calls", status, calls.Load())
		}
	}
}

func TestAnswerThatIsNotWholeIsUnknown(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + fmt.Sprint(len(cardSuccessBody)) + "\r\n\r\n"
	tests := []struct{ name, answer string }{
		{"nothing", ""},
		{"half the status line", "HTTP/1.1 2"},
		{"half the headers", head[:30]},
		{"no body", head},
		{"all but one byte", head + cardSuccessBody[:len(cardSuccessBody)-1]},
		{"a chunk without end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":"},
		{"no http", "SSH-2.0-OpenSSH_9.6\r\n"},
		{"an upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"},
		{"a giant header", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100<<10)},
		{"a giant body", "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat(" ", 70000)},
	}
	for _, tt := range tests {
		for _, abrupt := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reset %v", tt.name, abrupt), func(t *testing.T) {
				t.Parallel()
				var requests atomic.Int32
				url := rawServer(t, func(conn net.Conn, _ int) {
					if _, err := readRequest(bufio.NewReader(conn)); err == nil {
						requests.Add(1)
					}
					_, _ = io.WriteString(conn, tt.answer)
					if abrupt {
						reset(conn)
					}
				})
				wantVerdict(t, newTestClient(t, url).Refund(t.Context(), cardOrder()), Unknown, Failing)
				if requests.Load() != 1 {
					t.Errorf("%d requests", requests.Load())
				}
			})
		}
	}
}

func TestAnswerOfMoreThan64KiBIsUnknownHoweverItBegins(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]RefundOutcome{maxBody: {Class: Succeeded}, maxBody + 1: {Class: Unknown, Cause: Failing}} {
		s := snapServer(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, snapSuccessBody+strings.Repeat(" ", size-len(snapSuccessBody)))
		})
		c := newTestClient(t, s.URL)
		prepare(t, c)
		wantVerdict(t, c.Refund(t.Context(), snapOrder()), want.Class, want.Cause)
	}
}

func TestConnectionResetBeforeTheRequestWasReadIsUnknown(t *testing.T) {
	t.Parallel()
	url := rawServer(t, func(conn net.Conn, _ int) {
		_, _ = conn.Read(make([]byte, 10))
		reset(conn)
	})
	wantVerdict(t, newTestClient(t, url).Refund(t.Context(), cardOrder()), Unknown, Failing)
}

func TestRefusedConnectionIsNotExecuted(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c := newTestClient(t, s.URL)
	wantVerdict(t, c.Refund(t.Context(), cardOrder()), NotExecuted, NotWritten)
	if i := c.Inquire(t.Context(), cardOrder()); i.Finding != refund.NoAnswer || i.Cause != NotWritten {
		t.Errorf("inquiry: %+v", i)
	}
}

func TestUntrustedCertificateIsNotExecuted(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	v := newTestClient(t, s.URL).Refund(t.Context(), cardOrder())
	wantVerdict(t, v, NotExecuted, NotWritten)
	if !strings.Contains(v.Problem, "tls handshake") {
		t.Errorf("problem: %s", v.Problem)
	}
}

func TestRefundOverTLSIsHTTP11(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Proto != "HTTP/1.1" || r.TLS.Version < tls.VersionTLS12 {
			t.Errorf("%s over %s", r.Proto, tls.VersionName(r.TLS.Version))
		}
		answerSigned(w, r, 200, cardSuccessBody)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := newTestClient(t, s.URL, func(c *Config) { c.RootCAs = roots })
	for range 2 { // fresh, then pooled
		wantVerdict(t, c.Refund(t.Context(), cardOrder()), Succeeded, Plain)
	}
}

func TestEndedContextSendsNothing(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantVerdict(t, newTestClient(t, s.URL).Refund(ctx, cardOrder()), NotExecuted, NotWritten)
	if calls.Load() != 0 {
		t.Error("it was sent")
	}
}

func TestCallThatTakesTooLongIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		net := newPipeNet(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that we go
			<-r.Context().Done()
		})
		start := time.Now()
		v := newTestClient(t, "http://127.0.0.1", net.use, func(c *Config) { c.Timeout = time.Minute }).Refund(t.Context(), cardOrder())
		wantVerdict(t, v, Unknown, Failing)
		if v.Problem != "no answer: timed out" || time.Since(start) != time.Minute {
			t.Errorf("%s after %v", v.Problem, time.Since(start))
		}
	})
}

func TestAnswerThatTricklesIsCutOffByTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		net := newPipeNet(t, func(w http.ResponseWriter, r *http.Request) {
			for range 10 {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
				<-time.After(20 * time.Second)
			}
		})
		start := time.Now()
		v := newTestClient(t, "http://127.0.0.1", net.use, func(c *Config) { c.Timeout = time.Minute }).Refund(t.Context(), cardOrder())
		wantVerdict(t, v, Unknown, Failing)
		if v.Problem != "answer cut short: timed out" || time.Since(start) != time.Minute {
			t.Errorf("%s after %v", v.Problem, time.Since(start))
		}
		<-time.After(5 * time.Minute) // the handler ends with the bubble
	})
}

func TestThrottledRefundKeepsRetryAfter(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "17")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `<html>slow down</html>`)
	})
	v := newTestClient(t, s.URL).Refund(t.Context(), cardOrder())
	wantVerdict(t, v, NotExecuted, Throttled)
	if v.RetryAfter != 17*time.Second {
		t.Errorf("retry after %v", v.RetryAfter)
	}
}

func TestMissingAndWrongSignaturesAreNotBelieved(t *testing.T) {
	t.Parallel()
	for signature, cause := range map[string]Cause{"": Plain, "HMACSHA256=AAAA": Failing} {
		t.Run("signature "+signature, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Response-Timestamp", "2026-11-21T09:00:00Z")
				if signature != "" {
					w.Header().Set("Signature", signature)
				}
				_, _ = io.WriteString(w, cardSuccessBody)
			})
			wantVerdict(t, newTestClient(t, s.URL).Refund(t.Context(), cardOrder()), Unknown, cause)
		})
	}
}

// pipeNet is an HTTP server behind net.Pipe, for time that is not real.
type pipeNet struct{ conns chan net.Conn }

func newPipeNet(t *testing.T, handler http.HandlerFunc) pipeNet {
	t.Helper()
	p := pipeNet{make(chan net.Conn)}
	s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Hour}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(p) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return p
}

func (p pipeNet) use(c *Config) {
	c.DialContext = func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		p.conns <- there
		return here, nil
	}
}

func (p pipeNet) Accept() (net.Conn, error) {
	conn, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipeNet) Close() error   { close(p.conns); return nil }
func (p pipeNet) Addr() net.Addr { return &net.TCPAddr{} }
