package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

// directGet, after the API's prefix and before a subject, asks for the last
// message of the stream of results on that subject.
const directGet = ".DIRECT.GET." + stream.Refunds + "."

// lookWithin bounds one look for a result.
const lookWithin = 5 * time.Second

// requester asks and waits for the answer; [nats.Conn] has it.
type requester interface {
	RequestWithContext(ctx context.Context, subject string, data []byte) (*nats.Msg, error)
}

// reader reads results as a producer may: by a raw direct get of the last
// message under a wildcard. It may be some moments late, never wrong.
type reader struct {
	nc     requester
	prefix string // of JetStream's API
}

// last returns the body of a refund's last result as it is stored, or
// [errNoResult].
func (r reader) last(ctx context.Context, refundID string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	subject := jobs.ResultSubjects(refundID)
	msg, err := r.nc.RequestWithContext(ctx, r.prefix+directGet+subject, nil)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	switch status := msg.Header.Get("Status"); {
	case status == "404":
		return nil, errNoResult
	case status != "":
		return nil, fmt.Errorf("%w: status %s", errUnanswered, status)
	}
	_, _, id, err := jobs.ParseResultSubject(msg.Header.Get("Nats-Subject"))
	if err != nil || id != refundID {
		return nil, errUnanswered
	}
	return msg.Data, nil
}

// verdict is what a result says of one job.
type verdict uint8

const (
	succeeded verdict = iota
	notSucceeded
	others // the refund_id belongs to other content
	deadLetter
)

// judge compares a result with a job. A reason stands in no result: a job that
// differs from the first one in its reason alone cannot be told from it.
func judge(body []byte, j job) (verdict, error) {
	r, err := jobs.DecodeResult(body)
	if err != nil {
		return notSucceeded, err
	}
	same := r.Channel == j.channel && r.InvoiceNumber == j.invoiceNumber &&
		r.OriginalRequestID == j.originalRequestID && r.Amount == j.amount
	switch {
	case r.Error.Source == jobs.SourceWorker && r.Error.Code == refund.CodeCancelled.String() && r.InvoiceNumber == "":
		return notSucceeded, nil // cancelled before there was a job: it names none
	case !same, r.Error.Source == jobs.SourceWorker && (r.Error.Code == refund.CodeInvalidJob.String() || r.Error.Code == refund.CodeCardNumber.String()):
		return others, nil // our job keeps every rule, so a broken one was first
	case r.Status == refund.Succeeded:
		return succeeded, nil
	}
	return notSucceeded, nil
}

// explainLook says what keeps us from a result.
func explainLook(err error) error {
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return errors.New("nobody answers for results: is stream " + stream.Refunds + " there, with direct get, and its subject imported?")
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return errors.New("NATS did not answer in time")
	case errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionReconnecting):
		return errors.New("no connection to NATS")
	}
	return err
}
