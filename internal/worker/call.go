package worker

import (
	"context"
	"errors"
	"time"

	"refundworker/internal/doku"
	"refundworker/internal/refund"
	"refundworker/internal/retry"
)

// prepare waits for all that a call needs besides the job, before anything is
// recorded: a place under the rate limit, the breaker's leave, the B2B token.
func (h *handling) prepare(ctx context.Context) error {
	event := h.steps.Event()
	var err error
	if event.Ready, event.Delay, err = h.ready(ctx); err != nil {
		return err
	}
	event.Nonce = refund.Nonce(h.cfg.Nonce())
	h.steps = h.steps.Got(event)
	return nil
}

// ready returns whether a call may be made now, and else when to try again. A
// call that has not begun when the process has to stop is left to another.
func (h *handling) ready(ctx context.Context) (refund.Readiness, time.Duration, error) {
	h.returnPermit()
	if err := h.takePlace(ctx); err != nil {
		return refund.NotReady, 0, err
	}
	permit, ok := h.breaker.Allow()
	if !ok {
		return refund.NotReady, h.untilBreaker(h.backoff(0)), nil
	}
	err := h.cfg.Gateway.Prepare(ctx, h.channel)
	if err == nil {
		h.permit = permit
		return refund.Ready, 0, nil
	}
	if ctx.Err() != nil {
		permit.Cancel()
		return refund.NotReady, 0, ctx.Err()
	}
	trouble := &doku.PrepareError{}
	errors.As(err, &trouble) // any other error says nothing about the channel
	permit.Report(report(trouble.Cause, trouble.RetryAfter, trouble.HTTPStatus))
	h.log.Warn("no B2B token", "refund_id", h.id(), "error", err)
	return refund.NotReady, h.untilBreaker(h.backoff(trouble.RetryAfter)), nil
}

// takePlace waits for a place under the rate limit, or for the stop.
func (h *handling) takePlace(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.stop, cancel)() //nolint:contextcheck // the stop is not a call's context
	err := h.limiter.Wait(ctx)
	if h.stop.Err() != nil {
		return errHandBack
	}
	return err
}

func (h *handling) send(ctx context.Context) error {
	began := h.cfg.Now()
	verdict := h.cfg.Gateway.Refund(ctx, h.order())
	h.said, h.problem = said(verdict.Said), clean(verdict.Problem)
	h.tell(report(verdict.Cause, verdict.RetryAfter, verdict.Said.HTTPStatus))
	a := answer(verdict)
	h.cfg.Metrics.Attempts.WithLabelValues(string(h.channel), attemptOutcomes[a]).Inc()
	h.log.Debug("refund call ended", "refund_id", h.id(), "attempt", h.entry.Record.Sends,
		"code", verdict.Said.Code, "duration", h.cfg.Now().Sub(began), "problem", verdict.Problem)
	h.steps = h.steps.Got(refund.Event{
		Kind: refund.Answered, Own: true, Answer: a, Replay: verdict.Evidence == doku.ByReplay,
		Delay: h.delayAfter(verdict), NoCustomer: h.job.CustomerTokenMissing,
	})
	return nil
}

func (h *handling) ask(ctx context.Context) error {
	asked := refund.Event{
		Kind: refund.Asked, Own: true, NoCustomer: h.job.CustomerTokenMissing, AskedAt: refund.At(h.cfg.Now()),
	}
	ready, delay, err := h.ready(ctx)
	if err != nil {
		return err
	}
	asked.Delay = delay
	if ready == refund.Ready {
		asked = h.inquire(ctx, asked)
	}
	h.steps = h.steps.Got(asked)
	return nil
}

func (h *handling) inquire(ctx context.Context, asked refund.Event) refund.Event {
	asked.AskedAt = refund.At(h.cfg.Now())
	inquiry := h.cfg.Gateway.Inquire(ctx, h.order())
	h.said, h.problem = said(inquiry.Said), clean(inquiry.Problem)
	h.tell(report(inquiry.Cause, inquiry.RetryAfter, inquiry.Said.HTTPStatus))
	asked.Finding = findings[inquiry.Finding]
	asked.Delay = h.untilBreaker(h.backoff(inquiry.RetryAfter))
	h.cfg.Metrics.Inquiries.WithLabelValues(string(h.channel), inquiryOutcomes[asked.Finding]).Inc()
	return asked
}

// order is the refund as DOKU shall see it: from the record, so that a repeat
// has the same bytes, and with the newest delivery's customer.
func (h *handling) order() doku.Order {
	r := &h.entry.Record
	return doku.Order{
		Channel:           r.Job.Channel,
		InvoiceNumber:     r.Job.InvoiceNumber,
		OriginalRequestID: r.Job.OriginalRequestID,
		Amount:            r.Job.Amount,
		Reason:            r.Job.Reason,
		RequestID:         r.Identity.RequestID,
		ExternalID:        r.Identity.ExternalID,
		PartnerRefundNo:   r.Identity.PartnerRefundNo,
		Customer: doku.Customer{
			AccessToken: h.job.Job.Customer.AccessToken,
			DeviceID:    h.job.Job.Customer.DeviceID,
			IPAddress:   h.job.Job.Customer.IPAddress,
		},
		SendBy: r.SendBy.Time(),
	}
}

// report turns the end of a call into what it says about the channel.
func report(cause doku.Cause, retryAfter time.Duration, status int) retry.Outcome {
	switch {
	case cause == doku.Throttled:
		return retry.Throttled(retryAfter)
	case cause == doku.Credentials:
		return retry.Unauthorized()
	case cause == doku.NotWritten:
		return retry.Unreachable()
	case status != 0:
		return retry.OK()
	}
	return retry.Neutral()
}

func (h *handling) tell(o retry.Outcome) {
	if h.permit != nil {
		h.permit.Report(o)
		h.permit = nil
	}
}

// longWait is how many doublings the delays of a channel that refuses "not now"
// are ahead: a cut-off or a short balance lasts hours.
const longWait = 4

// delayAfter is how long a refund waits after a call that was not executed.
// After a first 401 the token is new, and the next try comes at once.
func (h *handling) delayAfter(v doku.Verdict) time.Duration {
	n := int(h.entry.Record.Delays) + 1
	switch {
	case v.Class == doku.NotExecuted && v.Cause == doku.Credentials && h.breaker.OpenUntil().IsZero():
		return 0
	case v.RetryAfter > 0:
		return h.untilBreaker(h.cfg.Retry.After(v.RetryAfter))
	case v.Cause == doku.Unavailable:
		return h.untilBreaker(h.cfg.Retry.Jittered(n + longWait))
	}
	return h.untilBreaker(h.cfg.Retry.Jittered(n))
}

// backoff is the refund's next retry delay, or what DOKU asked for.
func (h *handling) backoff(retryAfter time.Duration) time.Duration {
	if retryAfter > 0 {
		return h.cfg.Retry.After(retryAfter)
	}
	return h.cfg.Retry.Jittered(int(h.entry.Record.Delays) + 1)
}

// untilBreaker lengthens a delay that would end while the breaker is open: the
// refund would only come back to be turned away.
func (h *handling) untilBreaker(d time.Duration) time.Duration {
	until := h.breaker.OpenUntil()
	if until.IsZero() {
		return d
	}
	return max(d, until.Sub(h.cfg.Now()))
}
