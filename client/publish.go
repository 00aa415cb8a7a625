package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// Receipt is the promise that a job ends in exactly one result.
type Receipt struct {
	// Sequence is the message's in REFUND_JOBS. A [Notice] names it, should the
	// message turn out to repeat a refund id with other content.
	Sequence uint64

	// Duplicate: the server had stored the very same job within two minutes.
	Duplicate bool
}

const (
	ackWithin    = 5 * time.Second
	longestPause = time.Second
)

// Publish checks a job, publishes it and waits until it is stored: it will then end
// in exactly one result. What is not answered is published again, for as long as ctx
// and [Options.PublishWithin] allow.
//
// Its errors are [ErrInvalidJob] (a [*JobError]; nothing was published),
// [ErrRefused] (nothing was stored) and [ErrUnacknowledged] (publish the same job
// again; with [ErrDenied] not before this user may).
func (c *Client) Publish(ctx context.Context, job Job) (Receipt, error) {
	body, err := job.encode()
	if err != nil {
		return Receipt{}, err
	}
	publication := stream.Publication{
		RefundID: job.RefundID, Channel: channel.Channel(job.Channel), Body: body, TraceParent: job.TraceParent,
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.PublishWithin)
	defer cancel()
	unanswered := false
	for n := 0; ; n++ {
		receipt, err := c.publishOnce(ctx, publication)
		if err == nil {
			return receipt, nil
		}
		nobody := stream.NobodyListens(err)
		unanswered = unanswered || !stream.NotStored(err)
		err = publishError(err, unanswered)
		// While a stream has no leader nobody listens either.
		final := errors.Is(err, ErrDenied) || errors.Is(err, stream.ErrWrongStream) || errors.Is(err, ErrRefused) && !nobody
		if final || !wait(ctx, pause(n, longestPause)) || c.nc.IsClosed() {
			return Receipt{}, err
		}
	}
}

// publishError is [ErrRefused] where no attempt can have stored the job, else
// [ErrUnacknowledged]: a refusal says nothing about the attempt before, which got no
// answer.
func publishError(err error, unanswered bool) error {
	class := ErrRefused
	if unanswered {
		class = ErrUnacknowledged
	}
	if stream.NobodyListens(err) {
		err = fmt.Errorf("no stream takes it: are the streams set up, and the subject imported? %w", err)
	}
	return fmt.Errorf("%w: %w", class, err)
}

func (c *Client) publishOnce(ctx context.Context, p stream.Publication) (Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, ackWithin)
	defer cancel()
	before := c.nc.LastError()
	receipt, err := c.jobs.Publish(ctx, p)
	if err == nil {
		return Receipt(receipt), nil
	}
	if denied := c.denied(before, `"`+jobs.JobSubject(p.Channel)+`"`); denied != nil {
		err = fmt.Errorf("publish job %s: %w", p.RefundID, denied)
	}
	return Receipt{}, err
}

// wait returns false when ctx has ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
