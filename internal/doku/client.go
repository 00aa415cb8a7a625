// Package doku speaks DOKU's two refund protocols: credit cards (HMAC-SHA256,
// Request-Id) and SNAP (B2B token, HMAC-SHA512, X-EXTERNAL-ID). It signs and
// sends one request at a time and turns whatever comes back into one [RefundOutcome]
// or one [InquiryOutcome]; it decides nothing, stores nothing and repeats nothing.
//
// What an answer proves is read from one table a family, by code, and what no
// table names proves nothing. A transport of its own makes sure that a refund
// call is one request, whole or in part, or none: no redirect, no repeat by
// net/http, no first byte after send_by.
//
// Invariant: [NotExecuted] is only ever said when no byte was written or DOKU
// said so, and [Succeeded] and [Failed] only when DOKU did; everything else is
// [Unknown].
package doku

import (
	"context"
	"crypto/rsa"
	"fmt"
	"io"
	"sync/atomic"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/printable"
	"refundworker.example/refundworker/internal/secret"
)

// Client talks to one DOKU as one merchant. It is safe for concurrent use.
type Client struct {
	cfg    Config
	keys   atomic.Pointer[keys]
	wire   *transport
	tokens *tokens
	end    context.CancelFunc
}

// New returns a client, or all that is wrong with cfg. Nothing is sent until
// the first call.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	base, err := parseBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	cfg = cfg.withDefaults()
	life, end := context.WithCancel(context.Background())
	c := &Client{cfg: cfg, wire: newTransport(life, cfg, base), end: end}
	c.keys.Store(&keys{shared: secretLines(cfg.Secret), private: cfg.PrivateKey})
	c.tokens = &tokens{now: cfg.Now, fetch: c.fetchToken, life: life}
	return c, nil
}

// keys is one state of what the merchant signs with.
type keys struct {
	shared  []secret.Text // newest first, at least one
	private *rsa.PrivateKey
}

// Rekey changes the keys without a gap: calls that began with the old ones are
// answered, and an answer is believed under any line of the new secret. The
// error is one of [Config.Validate]; nothing has changed then.
func (c *Client) Rekey(shared secret.Text, private *rsa.PrivateKey) error {
	cfg := c.cfg
	cfg.Secret, cfg.PrivateKey = shared, private
	if err := cfg.Validate(); err != nil {
		return err
	}
	c.keys.Store(&keys{shared: secretLines(shared), private: private})
	return nil
}

// Close ends renewals of the token and dials that are under way, waits for the
// renewals, and closes idle connections. Call it when the last call has
// returned.
func (c *Client) Close() {
	c.tokens.mu.Lock() // no renewal may begin while we wait for the last
	c.end()
	c.tokens.mu.Unlock()
	c.tokens.running.Wait()
	c.wire.pool.close()
}

// Format implements [fmt.Formatter]: no verb looks inside, where fmt would find
// keys in unexported fields and ask them for no form of their own.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "doku client of "+c.cfg.BaseURL)
}

// Prepare makes sure that a refund on this channel could be sent now: for SNAP,
// that there is a B2B token with enough life left. Cards need nothing. Its
// errors are a [*PrepareError].
func (c *Client) Prepare(ctx context.Context, ch channel.Channel) error {
	if ch.Facts().Family == channel.Card {
		return nil
	}
	if _, failed := c.tokens.get(ctx); failed != nil {
		return failed
	}
	return nil
}

// Refund sends one refund call, at most once and with no byte after SendBy, and
// says what its answer proves. Call Prepare before SendBy is fixed.
func (c *Client) Refund(ctx context.Context, o Order) RefundOutcome {
	l := newLimit(o.SendBy, c.cfg.Now)
	if l.past() {
		return RefundOutcome{Class: NotExecuted, Cause: TooLate, Problem: "send_by passed before the call"}
	}
	call := c.refundCard
	if o.Channel.Facts().Family == channel.SNAP {
		call = c.refundSNAP
	}
	v := call(ctx, o, l)
	v.Response, v.Problem = cleaned(v.Response, c.secrets(o)), kept(v.Problem)
	c.mismatched(ctx, o, v.Mismatches)
	if v.Unlisted {
		c.unlisted(ctx, OpRefund, v.Response.HTTPStatus, v.Response.Code)
	}
	return v
}

// Inquire asks what became of a refund. It moves no money, and may wait for a
// B2B token. Of the order it needs all but Customer, ExternalID and SendBy.
func (c *Client) Inquire(ctx context.Context, o Order) InquiryOutcome {
	call := c.inquireCard
	if o.Channel.Facts().Family == channel.SNAP {
		call = c.inquireSNAP
	}
	i := call(ctx, o)
	i.Response, i.Problem = cleaned(i.Response, c.secrets(o)), kept(i.Problem)
	if i.Unlisted {
		c.unlisted(ctx, OpInquiry, i.Response.HTTPStatus, i.Response.Code)
	}
	return i
}

// findSNAP counts what the pure function found to differ.
func (c *Client) findSNAP(ctx context.Context, o Order, r reply) InquiryOutcome {
	i, fields := findSNAP(o, r)
	c.mismatched(ctx, o, fields)
	return i
}

func (c *Client) mismatched(ctx context.Context, o Order, fields []string) {
	for _, field := range fields {
		c.cfg.Observe.mismatch(field)
		c.cfg.Log.WarnContext(ctx, "answer holds another value than the request",
			"channel", o.Channel, "field", field, "request_id", o.RequestID, "partner_refund_no", o.PartnerRefundNo)
	}
}

// unlisted counts and logs a code that no table lists: one of them may be a
// definite no that we have yet to learn. code has been scrubbed of secrets.
func (c *Client) unlisted(ctx context.Context, operation string, status int, code string) {
	c.cfg.Observe.unlistedCode(operation)
	c.cfg.Log.WarnContext(ctx, "answer holds a code that no table lists",
		"operation", operation, "http_status", status, "code", printable.Kept(code, maxCode))
}

// secrets is what DOKU's words must not repeat into our records.
func (c *Client) secrets(o Order) []secret.Text {
	return append([]secret.Text{
		o.Customer.AccessToken, o.Customer.DeviceID, o.Customer.IPAddress, c.tokens.inUse(),
	}, c.keys.Load().shared...)
}

// unsent is the verdict on an order that cannot be made a request of.
func unsent(err error) RefundOutcome {
	return RefundOutcome{Class: NotExecuted, Cause: NotWritten, Problem: "nothing sent: " + err.Error()}
}

// unasked is the same of an inquiry.
func unasked(err error) InquiryOutcome {
	return InquiryOutcome{Cause: NotWritten, Problem: "nothing asked: " + err.Error()}
}
