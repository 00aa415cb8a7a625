package doku

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
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
	maxBody      = 64 << 10         // bytes of an answer that are read, encoded or decoded
	dialTimeout  = 10 * time.Second // TCP, proxy and TLS together
	idleTimeout  = 25 * time.Second // shorter than servers' usual 60 s: a request on a connection that they are closing is an unknown outcome
	writeBuffer  = 16 << 10         // one write takes the whole request, however long its tokens
	userAgent    = "refundworker"
	jsonMimeType = "application/json"
)

// request is one HTTP request. Its header's names are written as they stand.
type request struct {
	operation, method, path string
	header                  http.Header
	body                    []byte                      // nil: none
	limit                   *limit                      // refund calls only
	signature               func(reply) signatureStatus // what the answer's signature is worth; nil: never signed, and sent over a connection of its own
}

// fault says what kept an answer from being whole.
type fault uint8

const (
	whole      fault = iota
	notWritten       // no byte left
	noSocket         // no byte left, for this machine had no means to open a connection
	late             // no byte left, because send_by had passed
	noAnswer         // a byte may have left, and no answer came
	abandoned        // a byte may have left, and we ended the call ourselves, which says nothing about DOKU
	cutShort         // the answer began and did not end, or was too long
	unmatched        // an answer came, and perhaps to another request
)

// reply is what came back.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	wire    []byte // the body as it came, where it was compressed
	at      time.Time
	fault   fault
	problem string // why, where fault is set
}

// transport sends requests as they are, once. It does not use net/http's client
// machinery, which repeats requests on connections that were lost, follows what
// it is told, and writes bytes that answer no request to the standard logger.
//
// Only card refunds share connections: DOKU signs their answers over the
// Request-Id, and only after such an answer is a connection used again. Nothing signs the answers to SNAP calls, to tokens and to
// inquiries that find nothing: on a connection that is out of step one of them
// would pass for the answer to another request, so each of these calls has a
// connection of its own.
type transport struct {
	base   *url.URL
	cfg    Config
	dialer *dialer
	pool   pool
}

func newTransport(life context.Context, cfg Config, base *url.URL) *transport {
	return &transport{base: base, cfg: cfg, dialer: newDialer(life, cfg, base), pool: pool{size: cfg.Slots}}
}

// send sends r and reads the answer. It returns when both are done, at the
// latest after the timeout; a reply with a fault tells how far it came.
func (t *transport) send(ctx context.Context, r request) reply {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	start := t.cfg.Now()
	got := t.exchange(ctx, r)
	got.at = t.cfg.Now()
	t.cfg.Observe.request(r.operation, got.outcome(), got.at.Sub(start))
	return got
}

func (t *transport) exchange(ctx context.Context, r request) reply {
	req, err := t.newRequest(ctx, r)
	if err != nil {
		return reply{fault: notWritten, problem: err.Error()}
	}
	c, err := t.connection(ctx, r)
	if err != nil {
		return failure(ctx, unsentYet, err)
	}
	stop := c.watch(ctx)
	got, again := t.roundTrip(ctx, c, r, req)
	if stop() && again {
		t.pool.put(c)
	} else {
		_ = c.Close()
	}
	return got
}

// connection returns one that no byte lies in.
func (t *transport) connection(ctx context.Context, r request) (*connection, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.signature != nil {
		if c := t.pool.take(); c != nil {
			return c, nil
		}
	}
	c, err := t.dialer.dial(ctx)
	if err != nil {
		return nil, err
	}
	err = ctx.Err()
	if err == nil {
		err = unfit[c.early()]
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// unfit says why a new connection is not used: what it holds.
var unfit = map[rest]error{surplus: errUnsolicited, ended: io.EOF}

// roundTrip writes the request, reads the answer, and reports whether the
// connection may carry another.
func (t *transport) roundTrip(ctx context.Context, c *connection, r request, req *http.Request) (got reply, again bool) {
	if state, err := c.write(req, r.limit); err != nil {
		return failure(ctx, state, err), false
	}
	res, err := c.read(req)
	if err != nil {
		return failure(ctx, leaving, err), false
	}
	defer func() { _ = res.Body.Close() }()
	got = read(ctx, res)
	if got.fault != whole {
		return got, false
	}
	known := matchOf(r, req, got)
	left := c.rest()
	if left == nothing && known == untied && c.used() {
		left = c.late(ctx)
	}
	switch {
	case left == surplus:
		return got.unmatched("more came than one answer"), false
	case known == foreign:
		return got.unmatched("the answer names another Request-Id"), false
	case known == wronglySigned && c.used():
		return got.unmatched("the signature is not for this request, on a connection that has carried others"), false
	}
	return got, left == nothing && known == tied && !res.Close
}

// matchKind says what shows that an answer is one to the request that was sent. Only
// after a tied answer is a connection used again: should the server answer twice,
// its second answer names, or is signed for, the request before, and cannot pass
// for the answer to the next.
type matchKind uint8

const (
	untied        matchKind = iota
	tied                    // signed for this very request, or it repeats its Request-Id
	foreign                 // it repeats the Request-Id of another request
	wronglySigned           // its signature is not for this request
)

func matchOf(r request, req *http.Request, got reply) matchKind {
	echoed, sent := strings.TrimSpace(got.header.Get("Request-Id")), req.Header.Get("Request-Id")
	named := sent != "" && echoed != ""
	switch {
	case named && !strings.EqualFold(echoed, sent):
		return foreign
	case r.signature == nil:
		return untied
	}
	switch r.signature(got) {
	case signatureRight:
		return tied
	case signatureWrong:
		return wronglySigned
	default:
		return map[bool]matchKind{true: tied}[named]
	}
}

func (t *transport) newRequest(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, t.base.String()+r.path, body)
	if err != nil {
		return nil, errors.New("request cannot be built")
	}
	req.Close = r.signature == nil
	req.Header = r.header
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", jsonMimeType)
	if r.body != nil {
		req.Header.Set("Content-Type", jsonMimeType)
	}
	return req, nil
}
