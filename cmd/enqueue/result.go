package main

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

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
