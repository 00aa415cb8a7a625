package doku

import (
	"context"
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
	userAgent    = "refundworker"
	jsonMimeType = "application/json"
)

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
	host   string // of DOKU, with its port where that is not the usual one
	cfg    Config
	dialer *dialer
	pool   pool
}

func newTransport(life context.Context, cfg Config, base *url.URL) *transport {
	return &transport{host: base.Host, cfg: cfg, dialer: newDialer(life, cfg, base), pool: pool{size: cfg.Slots}}
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
	wire, err := r.encode(t.host)
	if err != nil {
		return reply{fault: notWritten, problem: err.Error()}
	}
	c, err := t.connection(ctx, r)
	if err != nil {
		return failure(ctx, unsentYet, err)
	}
	stop := c.watch(ctx)
	got, again := t.roundTrip(ctx, c, r, wire)
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
func (t *transport) roundTrip(ctx context.Context, c *connection, r request, wire []byte) (got reply, again bool) {
	if state, err := c.write(wire, r.limit); err != nil {
		return failure(ctx, state, err), false
	}
	res, err := c.read()
	if err != nil {
		return failure(ctx, leaving, err), false
	}
	defer func() { _ = res.Body.Close() }()
	got = read(ctx, res)
	if got.fault != whole {
		return got, false
	}
	known := matchOf(r, got)
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

func matchOf(r request, got reply) matchKind {
	echoed, sent := strings.TrimSpace(got.header.Get("Request-Id")), r.header.get("Request-Id")
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
