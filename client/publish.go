package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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
// again).
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
		switch {
		case err == nil:
			return receipt, nil
		case !errors.Is(err, ErrRefused):
			unanswered = true
		case unanswered: // which says nothing about the attempt without an answer
			return Receipt{}, fmt.Errorf("publish job %s: %w: %v", job.RefundID, ErrUnacknowledged, err) //nolint:errorlint // it is not ErrRefused any more
		case !errors.Is(err, errNobody):
			return Receipt{}, err
		}
		if !wait(ctx, pause(n, longestPause)) || c.nc.IsClosed() {
			return Receipt{}, err
		}
	}
}

// errNobody: no stream listens, as while a stream has no leader.
var errNobody = errors.New("no stream takes it: are the streams set up, and the subject imported?")

// publishOnce returns [ErrRefused] or [ErrUnacknowledged].
func (c *Client) publishOnce(ctx context.Context, p stream.Publication) (Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, ackWithin)
	defer cancel()
	receipt, err := c.jobs.Publish(ctx, p)
	if err == nil {
		return Receipt(receipt), nil
	}
	var refused *jetstream.APIError
	switch {
	case errors.As(err, &refused), errors.Is(err, stream.ErrWrongStream), errors.Is(err, nats.ErrMaxPayload):
		return Receipt{}, fmt.Errorf("%w: %w", ErrRefused, err)
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return Receipt{}, fmt.Errorf("publish job %s: %w: %w", p.RefundID, ErrRefused, errNobody)
	}
	if denied := c.denied(`"` + jobs.JobSubject(p.Channel) + `"`); denied != nil {
		return Receipt{}, fmt.Errorf("publish job %s: %w", p.RefundID, denied)
	}
	return Receipt{}, fmt.Errorf("%w: %w", ErrUnacknowledged, err)
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
