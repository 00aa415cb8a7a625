package worker

import (
	"context"
	"errors"
	"time"

	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

// prepare waits for all that a call needs besides the job, before anything is
// recorded: a place under the rate limit, the breaker's leave, the B2B token.
func (h *handling) prepare(ctx context.Context) error {
	event := h.steps.Event()
	var err error
	if event.Ready, event.Delay, err = h.ready(ctx, h.refundCall()); err != nil {
		return err
	}
	event.Nonce = refund.Nonce(h.cfg.Nonce())
	h.steps = h.steps.Got(event)
	return nil
}

// refundCall and inquiryCall are this refund's calls as the breaker sees them:
// an inquiry changes nothing, and is the cheaper probe.
func (h *handling) refundCall() retry.Call  { return retry.Call{Subject: h.id(), Write: true} }
func (h *handling) inquiryCall() retry.Call { return retry.Call{Subject: h.id()} }

// ready returns whether a call may be made now, and else when to try again. A
// call that has not begun when the process has to stop is left to another.
func (h *handling) ready(ctx context.Context, call retry.Call) (refund.Readiness, time.Duration, error) {
	h.returnPermit()
	if err := h.takePlace(ctx); err != nil {
		return refund.NotReady, 0, err
	}
	permit, err := h.leave(ctx, call)
	if err != nil {
		return refund.NotReady, 0, err
	}
	if h.refused = permit == nil; h.refused {
		return refund.NotReady, h.pace().Next(0), nil
	}
	h.permit = permit // at once: while a probe's permit is held, no other call is let through
	err = h.cfg.Gateway.Prepare(ctx, h.channel)
	switch {
	case err == nil && !permit.Void():
		return refund.Ready, 0, nil
	case err == nil: // the breaker opened while this call waited for its token
		h.returnPermit()
		return refund.NotReady, h.pace().Next(0), nil
	case ctx.Err() != nil:
		h.returnPermit()
		return refund.NotReady, 0, ctx.Err()
	}
	return refund.NotReady, h.noToken(err), nil
}

// noToken reports why there is no B2B token, and returns when to try again.
func (h *handling) noToken(err error) time.Duration {
	h.log.Warn("no B2B token", "refund_id", h.id(), "error", err)
	trouble := &doku.PrepareError{}
	if !errors.As(err, &trouble) {
		h.returnPermit() // it says nothing about the channel
		return h.pace().Next(0)
	}
	h.tell(Report(trouble.Cause, trouble.RetryAfter, trouble.HTTPStatus))
	return h.pace().Next(trouble.RetryAfter)
}

// leave asks the breaker for a permit; nil: not now. Where the breaker looks for
// a cheaper probe, the answer takes up to a second.
func (h *handling) leave(ctx context.Context, call retry.Call) (*retry.Permit, error) {
	for {
		permit, wait := h.breaker.Allow(call)
		if permit != nil || wait == 0 {
			return permit, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-h.stop.Done():
			timer.Stop()
			return nil, errHandBack
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
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
	verdict := h.refund(ctx)
	h.said, h.problem = Said(verdict.Said), clean(verdict.Problem)
	h.tell(Report(verdict.Cause, verdict.RetryAfter, verdict.Said.HTTPStatus))
	a := Answer(verdict)
	h.cfg.Metrics.Attempts.WithLabelValues(string(h.channel), attemptOutcomes[a]).Inc()
	h.log.Debug("refund call ended", "refund_id", h.id(), "attempt", h.entry.Record.Sends,
		"code", verdict.Said.Code, "duration", h.cfg.Now().Sub(began), "problem", verdict.Problem)
	h.steps = h.steps.Got(refund.Event{
		Kind: refund.Answered, Own: true, Answer: a, Replay: verdict.Evidence == doku.ByReplay,
		Delay: h.pace().After(verdict), NoCustomer: h.job.CustomerTokenMissing,
	})
	return nil
}

// refund makes the call, unless the clock has come into doubt since the send was
// recorded: then no byte leaves, as after send_by.
func (h *handling) refund(ctx context.Context) doku.Verdict {
	if err := h.clock.trouble(); err != nil {
		return doku.Verdict{Class: doku.NotExecuted, Cause: doku.TooLate, Problem: "nothing sent: " + err.Error()}
	}
	return h.cfg.Gateway.Refund(ctx, h.order())
}

// postponements is how often the last question about a refund is put off while
// the breaker is open. Beyond that the refund ends unresolved without it: its
// result would come too late.
const postponements = 4

func (h *handling) ask(ctx context.Context) error {
	asked := refund.Event{
		Kind: refund.Asked, Own: true, NoCustomer: h.job.CustomerTokenMissing, AskedAt: refund.At(h.cfg.Now()),
	}
	ready, delay, err := h.ready(ctx, h.inquiryCall())
	if err != nil {
		return err
	}
	asked.Delay = delay
	switch {
	case ready == refund.Ready:
		// To get ready may have taken long.
		if err := h.clock.trouble(); err != nil {
			return err
		}
		asked = h.inquire(ctx, asked)
	case h.refused && asked.AskedAt >= h.entry.Record.Deadline && h.d.Delivered <= postponements:
		// The last question has not been asked yet: that there is no answer to it
		// should not end the refund.
		return postponedError{delay}
	}
	h.steps = h.steps.Got(asked)
	return nil
}

func (h *handling) inquire(ctx context.Context, asked refund.Event) refund.Event {
	asked.AskedAt = refund.At(h.cfg.Now())
	inquiry := h.cfg.Gateway.Inquire(ctx, h.order())
	h.said, h.problem = Said(inquiry.Said), clean(inquiry.Problem)
	h.tell(Report(inquiry.Cause, inquiry.RetryAfter, inquiry.Said.HTTPStatus))
	asked.Finding = Finding(inquiry.Finding)
	asked.Delay = h.pace().Next(inquiry.RetryAfter)
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
		Reason:            r.Reason(),
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

func (h *handling) tell(o retry.Outcome) {
	if h.permit != nil {
		h.permit.Report(o)
		h.permit = nil
	}
}

// pace is when this refund is tried again.
func (h *handling) pace() Pace {
	return Pace{Retry: h.cfg.Retry, Breaker: h.breaker, Now: h.cfg.Now, Taken: h.entry.Record.Delays, Before: h.entry.Record.Said}
}
