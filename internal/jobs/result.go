package jobs

import (
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
)

// Who found the error of a result ([ResultError].Source).
const (
	SourceDOKU   = "doku"
	SourceWorker = "worker"
)

// Result is the event that ends a refund. A zero member is written as null, but
// for attempts (0) and metadata ({}).
type Result struct {
	RefundID          string
	Channel           channel.Channel
	Status            refund.State // one of the four that are results
	InvoiceNumber     string
	OriginalRequestID string
	Amount            int64 // rupiah
	Currency          string
	RefundType        string
	Message           string // DOKU's words; ours stand in Error.Message
	ApprovalCode      string
	PartnerRefundNo   string
	RefundNo          string
	ReferenceNo       string
	RefundTime        string // SNAP's text as it came: it has no time zone
	Error             ResultError
	RequestID         string // Request-Id (cards) or X-EXTERNAL-ID (SNAP) that was sent
	Attempts          int64
	Evidence          refund.Evidence
	Environment       string // production, sandbox or simulator
	EnqueuedAt        time.Time
	CompletedAt       time.Time
	Metadata          map[string]string
}

// ResultError says why a refund did not succeed. The zero value means no error.
type ResultError struct {
	Source     string // [SourceDOKU] or [SourceWorker]
	Code       string
	Message    string
	Type       string
	HTTPStatus int64 // 0: no HTTP answer
}

// Subject returns where the result is published.
func (r Result) Subject() string { return ResultSubject(r.Channel, r.Status, r.RefundID) }

// Headers returns the CloudEvents 1.0 headers of the result in binary mode.
// source is made by [EventSource]; an empty traceParent is left out.
func (r Result) Headers(source, traceParent string) nats.Header {
	h := nats.Header{}
	h.Set("ce-specversion", "1.0")
	h.Set("ce-id", r.RefundID+"."+r.Status.String())
	h.Set("ce-type", "doku.refund."+r.Status.String())
	h.Set("ce-source", source)
	h.Set("ce-time", r.CompletedAt.UTC().Format(time.RFC3339Nano))
	h.Set("ce-subject", r.RefundID)
	h.Set("Content-Type", "application/json")
	if traceParent != "" {
		h.Set(HeaderTraceParent, traceParent)
	}
	return h
}

// EventSource names the workers of one merchant in one environment as a URI path.
// It does not name a process: together with ce-id it identifies the event,
// anyone who writes it.
func EventSource(environment, clientID string) string {
	return "/doku-refund-worker/" + url.PathEscape(environment) + "/" + url.PathEscape(clientID)
}

// Encode returns the result's body: every member of the contract, in its order.
func (r Result) Encode() []byte {
	return encodeMembers(&r, resultMembers, 1024)
}

// DecodeResult reads the body of a result. Anything but an object of version 1
// with every member of the contract, no other and each of its type gives
// [ErrBadResult].
func DecodeResult(body []byte) (Result, error) {
	var r Result
	if err := decodeMembers(body, &r, resultMembers); err != nil {
		return Result{}, fmt.Errorf("decode result: %w: %w", ErrBadResult, err)
	}
	if !ValidRefundID(r.RefundID) || !r.Channel.Valid() || !r.Status.Result() {
		return Result{}, fmt.Errorf("decode result: %w: refund_id, channel or status out of its set", ErrBadResult)
	}
	return r, nil
}
