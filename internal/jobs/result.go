package jobs

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
)

// Status is how a refund ended (contract.md §3), and a token of its result's
// subject.
type Status string

// The four statuses. [StatusUnresolved] alone may be followed by another
// result, [StatusSucceeded] or [StatusFailed].
const (
	StatusSucceeded  Status = "succeeded"  // money moved
	StatusFailed     Status = "failed"     // no money moved; it was or may have been sent
	StatusRejected   Status = "rejected"   // never sent
	StatusUnresolved Status = "unresolved" // money may have moved
)

var statuses = []Status{StatusSucceeded, StatusFailed, StatusRejected, StatusUnresolved}

// Valid reports whether s is one of the four.
func (s Status) Valid() bool { return slices.Contains(statuses, s) }

// Who found the error of a result ([ResultError].Source).
const (
	SourceDOKU   = "doku"
	SourceWorker = "worker"
)

// The worker's own error codes ([ResultError].Code where the source is
// [SourceWorker]).
const (
	CodeInvalidJob            = "invalid_job"
	CodeCardNumber            = "card_number"
	CodeCancelled             = "cancelled"
	CodeDeadlineExceeded      = "deadline_exceeded"
	CodeCustomerTokenInvalid  = "customer_token_invalid"
	CodeIdentifierCollision   = "identifier_collision"
	CodeIdentifierUsed        = "identifier_used" // likewise, after a refusal of our own
	CodeOutcomeUnknown        = "outcome_unknown" // still unknown at the deadline
	CodeContradictoryEvidence = "contradictory_evidence"
)

// How an outcome was proven ([Result].Evidence).
const (
	EvidenceResponse = "response" // the answer to the refund call
	EvidenceReplay   = "replay"   // a repeat's stored answer
	EvidenceInquiry  = "inquiry"  // the status API
	EvidenceOperator = "operator"
)

// Result is the event that ends a refund. A zero member is written as null, but
// for attempts (0) and metadata ({}).
type Result struct {
	RefundID          string
	Channel           channel.Channel
	Status            Status
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
	Evidence          string
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
	h.Set("ce-id", r.RefundID+"."+string(r.Status))
	h.Set("ce-type", "doku.refund."+string(r.Status))
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
// whoever writes it.
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
	if !ValidRefundID(r.RefundID) || !r.Channel.Valid() || !r.Status.Valid() {
		return Result{}, fmt.Errorf("decode result: %w: refund_id, channel or status out of its set", ErrBadResult)
	}
	return r, nil
}
