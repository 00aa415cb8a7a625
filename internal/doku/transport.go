package doku

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

// Operations: the values of the label operation.
const (
	OpRefund  = "refund"
	OpInquiry = "inquiry"
	OpToken   = "token_b2b"
)

// Outcomes returns the closed set of outcomes that an [Observer] is told: what
// became of the HTTP call, not of the refund.
func Outcomes() []string {
	return []string{"2xx", "3xx", "401", "429", "4xx", "5xx", outcomeNotSent, outcomeNoAnswer}
}

const (
	outcomeNotSent  = "not_sent"  // no byte left
	outcomeNoAnswer = "no_answer" // a byte may have left, no whole answer came
)

const (
	maxBody      = 64 << 10         // bytes of an answer that are read (design.md §7)
	dialTimeout  = 10 * time.Second // TCP and TLS together
	idleTimeout  = 25 * time.Second // shorter than servers' usual 60 s: a request on a connection that they are closing is an unknown outcome
	writeBuffer  = 16 << 10         // one write takes the whole request, however long its tokens
	userAgent    = "refundworker"
	jsonMimeType = "application/json"
)

// request is one HTTP request. Its header's names are written as they stand.
type request struct {
	operation, method, path string
	header                  http.Header
	body                    []byte // nil: none
	limit                   *limit // refund calls only
}

// fault says what kept an answer from being whole.
type fault uint8

const (
	whole      fault = iota
	notWritten       // no byte left
	late             // no byte left, because send_by had passed
	noAnswer         // a byte may have left, and no answer came
	cutShort         // the answer began and did not end, or was too long
)

// reply is what came back.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	at      time.Time
	fault   fault
	problem string // why, where fault is set
}

// transport sends requests as they are, once. It is used as a bare
// RoundTripper: there is nothing that could follow a redirect.
type transport struct {
	base    *url.URL
	cfg     Config
	life    context.Context // ends dials that outlive their request
	http    *http.Transport
	timeout time.Duration
}

func newTransport(life context.Context, cfg Config, base *url.URL) *transport {
	t := &transport{base: base, cfg: cfg, life: life, timeout: cfg.Timeout}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // HTTP/2 repeats requests of its own accord
	t.http = &http.Transport{
		// No proxy from the environment: nothing between us and DOKU may
		// repeat a request.
		Proxy:                  nil,
		DialContext:            t.dial,
		DialTLSContext:         t.dialTLS,
		Protocols:              protocols,
		DisableCompression:     true, // digests are over the bytes on the wire
		MaxIdleConns:           cfg.Slots,
		MaxIdleConnsPerHost:    cfg.Slots,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxBody,
		WriteBufferSize:        writeBuffer,
	}
	return t
}

// send sends r and reads the answer. It returns when both are done, at the
// latest after the timeout; a reply with a fault tells how far it came.
func (t *transport) send(ctx context.Context, r request) reply {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	start := t.cfg.Now()
	f := &flight{limit: r.limit}
	got := t.exchange(httptrace.WithClientTrace(ctx, arm(f)), r, f)
	got.at = t.cfg.Now()
	t.cfg.Observe.request(r.operation, got.outcome(), got.at.Sub(start))
	return got
}

func (t *transport) exchange(ctx context.Context, r request, f *flight) reply {
	req, err := t.newRequest(ctx, r)
	if err != nil {
		return reply{fault: notWritten, problem: err.Error()}
	}
	res, err := t.http.RoundTrip(req)
	state := f.settle()
	if err != nil {
		return failure(state, err)
	}
	defer f.land()
	defer func() { _ = res.Body.Close() }()
	if state != leaving {
		return failure(state, errUnsolicited)
	}
	return read(res)
}

func (t *transport) newRequest(ctx context.Context, r request) (*http.Request, error) {
	target := t.base.String() + r.path
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, errors.New("request cannot be built")
	}
	req.Header = r.header
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", jsonMimeType)
	if r.body != nil {
		req.Header.Set("Content-Type", jsonMimeType)
	}
	if r.limit != nil {
		// Without it net/http cannot send a body a second time, whatever
		// happens to the connection.
		req.GetBody = nil
	}
	return req, nil
}

// arm binds the connection to the flight from the moment that net/http hands it
// out, and so frees it from the flight before.
func arm(f *flight) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		conn, ok := info.Conn.(*guardedConn)
		if !ok {
			_ = info.Conn.Close() // nothing leaves unguarded
			return
		}
		conn.flight.Store(f)
	}}
}

func (t *transport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := t.dialContext(ctx)
	defer cancel()
	conn, err := t.cfg.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &guardedConn{Conn: conn}, nil
}

func (t *transport) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := t.dialContext(ctx)
	defer cancel()
	plain, err := t.cfg.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(plain, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		RootCAs:    t.cfg.RootCAs,
		ServerName: t.base.Hostname(),
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, fmt.Errorf("tls handshake: %w", err)
	}
	return &guardedConn{Conn: conn}, nil
}

// dialContext bounds a dial by itself: net/http lets it run on after its
// request has gone, for the next one.
func (t *transport) dialContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, min(dialTimeout, t.timeout))
	stop := context.AfterFunc(t.life, cancel)
	return ctx, func() { stop(); cancel() }
}
