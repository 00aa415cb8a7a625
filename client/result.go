package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// Status is how a refund ended.
type Status string

// The statuses of the contract. All but Unresolved are final.
const (
	Succeeded  Status = "succeeded"  // DOKU says SUCCESS
	Failed     Status = "failed"     // DOKU said no, or executed nothing before the deadline
	Rejected   Status = "rejected"   // never sent
	Unresolved Status = "unresolved" // sent, and the outcome could not be learned: a person must settle it
)

// Result says how a refund ended (docs/contract.md, "Result"). What a result does
// not have is the zero value.
type Result struct {
	RefundID          string
	Channel           Channel
	Status            Status
	InvoiceNumber     string
	OriginalRequestID string
	Amount            int64 // rupiah
	Currency          string
	RefundType        string // as DOKU says: VOID, FULL_REFUND, MANUAL_PARTIAL_REFUND, …
	Message           string // DOKU's words
	ApprovalCode      string
	PartnerRefundNo   string
	RefundNo          string
	ReferenceNo       string
	RefundTime        string       // as it came from DOKU
	Error             *ResultError // nil: none
	RequestID         string       // under which it was sent
	Attempts          int64
	Evidence          string // how the outcome was learned: response, replay, inquiry or operator
	Environment       string // production, sandbox or simulator: only production moves money
	EnqueuedAt        time.Time
	CompletedAt       time.Time
	Metadata          map[string]string

	TraceParent string // of the job
}

// ResultError says why a refund did not succeed.
type ResultError struct {
	Source     string // doku or worker
	Code       string
	Message    string
	Type       string
	HTTPStatus int64 // 0: no answer
}

// EventID is the same for every delivery of one result: remember it, and a result
// that comes twice is handled once.
func (r Result) EventID() string { return r.RefundID + "." + string(r.Status) }

// decodeResult returns [ErrUnreadable] where the message is no result that this
// version knows.
func decodeResult(header nats.Header, body []byte) (Result, error) {
	r, err := jobs.DecodeResult(body)
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	result := Result{
		RefundID: r.RefundID, Channel: Channel(r.Channel), Status: Status(r.Status.String()),
		InvoiceNumber: r.InvoiceNumber, OriginalRequestID: r.OriginalRequestID, Amount: r.Amount, Currency: r.Currency,
		RefundType: r.RefundType, Message: r.Message, ApprovalCode: r.ApprovalCode, PartnerRefundNo: r.PartnerRefundNo,
		RefundNo: r.RefundNo, ReferenceNo: r.ReferenceNo, RefundTime: r.RefundTime, RequestID: r.RequestID,
		Attempts: r.Attempts, Evidence: string(r.Evidence), Environment: r.Environment,
		EnqueuedAt: r.EnqueuedAt, CompletedAt: r.CompletedAt, Metadata: r.Metadata,
		TraceParent: header.Get(jobs.HeaderTraceParent),
	}
	if r.Error != (jobs.ResultError{}) {
		e := ResultError(r.Error)
		result.Error = &e
	}
	return result, nil
}

// Result returns a refund's last result, or [ErrNoResult]. It reads by a direct
// get, which may be some moments late, and which an account may withhold: that is
// [ErrRefused] where it imports none, [ErrDenied] where this user may not.
func (c *Client) Result(ctx context.Context, refundID string) (Result, error) {
	if !jobs.ValidRefundID(refundID) { // it would be a part of the subject
		return Result{}, &JobError{Problems: []Problem{{Field: "refund_id", Rule: jobs.ErrRefundIDForm.Error()}}}
	}
	before := c.nc.LastError()
	msg, err := c.results.Result(ctx, refundID)
	switch {
	case err == nil:
		return decodeResult(msg.Header, msg.Data)
	case errors.Is(err, stream.ErrNoResult):
		return Result{}, ErrNoResult
	case errors.Is(err, nats.ErrNoResponders):
		return Result{}, fmt.Errorf("%w: nobody answers for results: is the direct get of %s imported?", ErrRefused, stream.Refunds)
	}
	if denied := c.denied(before, stream.DirectGet); denied != nil {
		return Result{}, denied
	}
	return Result{}, err
}

// withheldAfter is for how long nobody answers for results before that is taken for
// more than a restart.
const withheldAfter = 10 * time.Second

// Wait returns a refund's result as soon as there is one. It asks again and again,
// up to once a second, until ctx ends; its error then wraps that of ctx. It does not
// know whether a job was published. Its other errors are those of [Client.Result];
// that nobody answers has to last for ten seconds.
//
// For more than a few refunds at a time, read with [Client.Results].
func (c *Client) Wait(ctx context.Context, refundID string) (Result, error) {
	heard := time.Now()
	for n := 0; ; n++ {
		result, err := c.Result(ctx, refundID)
		withheld := errors.Is(err, ErrRefused)
		if !withheld {
			heard = time.Now()
		}
		if err == nil || withheld && time.Since(heard) > withheldAfter || errors.Is(err, ErrDenied) ||
			errors.Is(err, ErrUnreadable) || errors.Is(err, ErrInvalidJob) || c.nc.IsClosed() {
			return result, err
		}
		if !wait(ctx, pause(n, longestPause)) {
			return Result{}, fmt.Errorf("wait for result of %s: %w: %w", refundID, ctx.Err(), err)
		}
	}
}
