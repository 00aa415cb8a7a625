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
func (h *execution) prepare(ctx context.Context) error {
	event := h.machine.Event()
	var err error
	if event.Ready, event.Delay, err = h.ready(ctx, h.refundCall()); err != nil {
		return err
	}
	event.Nonce = refund.Nonce(h.cfg.Nonce())
	h.machine = h.machine.Observe(event)
	return nil
}

// refundCall and inquiryCall are this refund's calls as the breaker sees them:
// an inquiry changes nothing, and is the cheaper probe.
func (h *execution) refundCall() retry.Call  { return retry.Call{Subject: h.id(), Write: true} }
func (h *execution) inquiryCall() retry.Call { return retry.Call{Subject: h.id()} }

// ready returns whether a call may be made now, and else when to try again. A
// call that has not begun when the process has to stop is left to another.
func (h *execution) ready(ctx context.Context, call retry.Call) (refund.Readiness, time.Duration, error) {
	h.returnPermit()
	if err := h.takePlace(ctx); err != nil {
		return refund.NotReady, 0, err
	}
	permit, err := h.permission(ctx, call)
	if err != nil {
		return refund.NotReady, 0, err
	}
	if h.refused = permit == nil; h.refused {
		return refund.NotReady, h.delays().Next(0), nil
	}
	h.permit = permit // at once: while a probe's permit is held, no other call is let through
	err = h.cfg.Gateway.Prepare(ctx, h.channel)
	switch {
	case err == nil && !permit.Void():
		return refund.Ready, 0, nil
	case err == nil: // the breaker opened while this call waited for its token
		h.returnPermit()
		return refund.NotReady, h.delays().Next(0), nil
	case ctx.Err() != nil:
		h.returnPermit()
		return refund.NotReady, 0, ctx.Err()
	}
	return refund.NotReady, h.noToken(err), nil
}

// noToken reports why there is no B2B token, and returns when to try again.
func (h *execution) noToken(err error) time.Duration {
	h.log.Warn("no B2B token", "refund_id", h.id(), "error", err)
	trouble := &doku.PrepareError{}
	if !errors.As(err, &trouble) {
		h.returnPermit() // it says nothing about the channel
		return h.delays().Next(0)
	}
	h.report(Report(trouble.Cause, trouble.RetryAfter, trouble.HTTPStatus))
	return h.delays().Next(trouble.RetryAfter)
}

// permission asks the breaker for a permit; nil: not now. Where the breaker looks for
// a cheaper probe, the answer takes up to a second.
func (h *execution) permission(ctx context.Context, call retry.Call) (*retry.Permit, error) {
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
			return nil, errStopping
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// takePlace waits for a place under the rate limit, or for the stop.
func (h *execution) takePlace(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.stop, cancel)() //nolint:contextcheck // the stop is not a call's context
	err := h.limiter.Wait(ctx)
	if h.stop.Err() != nil {
		return errStopping
	}
	return err
}

func (h *execution) send(ctx context.Context) error {
	began := h.cfg.Now()
	verdict := h.refund(ctx)
	h.response, h.problem = Said(verdict.Response), clean(verdict.Problem)
	h.report(Report(verdict.Cause, verdict.RetryAfter, verdict.Response.HTTPStatus))
	a := Answer(verdict)
	h.cfg.Metrics.Attempts.WithLabelValues(string(h.channel), attemptOutcomes[a]).Inc()
	h.log.Debug("refund call ended", "refund_id", h.id(), "attempt", h.entry.Record.Sends,
		"code", verdict.Response.Code, "duration", h.cfg.Now().Sub(began), "problem", verdict.Problem)
	h.machine = h.machine.Observe(refund.Event{
		Kind: refund.SendEnded, Own: true, Answer: a, Replay: verdict.Evidence == doku.ByReplay,
		Delay: h.delays().After(verdict), NoCustomer: h.job.CustomerTokenMissing,
	})
	return nil
}

// refund makes the call, unless the clock has come into doubt since the send was
// recorded: then no byte leaves, as after send_by.
func (h *execution) refund(ctx context.Context) doku.RefundOutcome {
	if err := h.clock.check(); err != nil {
		return doku.RefundOutcome{Class: doku.NotExecuted, Cause: doku.TooLate, Problem: "nothing sent: " + err.Error()}
	}
	return h.cfg.Gateway.Refund(ctx, h.order())
}

// maxPostponements is how often the last question about a refund is put off while
// the breaker is open. Beyond that the refund ends unresolved without it: its
// result would come too late.
const maxPostponements = 4

func (h *execution) inquireIfReady(ctx context.Context) error {
	asked := refund.Event{
		Kind: refund.InquiryEnded, Own: true, NoCustomer: h.job.CustomerTokenMissing, AskedAt: refund.At(h.cfg.Now()),
	}
	ready, delay, err := h.ready(ctx, h.inquiryCall())
	if err != nil {
		return err
	}
	asked.Delay = delay
	switch {
	case ready == refund.Ready:
		// To get ready may have taken long.
		if err := h.clock.check(); err != nil {
			return err
		}
		asked = h.inquire(ctx, asked)
	case h.refused && asked.AskedAt >= h.entry.Record.Deadline && h.d.Delivered <= maxPostponements:
		// The last question has not been asked yet: that there is no answer to it
		// should not end the refund.
		return postponedError{delay}
	}
	h.machine = h.machine.Observe(asked)
	return nil
}

func (h *execution) inquire(ctx context.Context, asked refund.Event) refund.Event {
	asked.AskedAt = refund.At(h.cfg.Now())
	inquiry := h.cfg.Gateway.Inquire(ctx, h.order())
	h.response, h.problem = Said(inquiry.Response), clean(inquiry.Problem)
	h.report(Report(inquiry.Cause, inquiry.RetryAfter, inquiry.Response.HTTPStatus))
	asked.Finding = Finding(inquiry.Finding)
	asked.Delay = h.delays().Next(inquiry.RetryAfter)
	h.cfg.Metrics.Inquiries.WithLabelValues(string(h.channel), inquiryOutcomes[asked.Finding]).Inc()
	return asked
}

// order is the refund as DOKU shall see it: from the record, so that a repeat
// has the same bytes, and with the newest delivery's customer.
func (h *execution) order() doku.Order {
	r := &h.entry.Record
	return doku.Order{
		Channel:           r.Job.Channel,
		InvoiceNumber:     r.Job.InvoiceNumber,
		OriginalRequestID: r.Job.OriginalRequestID,
		Amount:            r.Job.Amount,
		Reason:            r.ReasonToSend(),
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

func (h *execution) report(o retry.Outcome) {
	if h.permit != nil {
		h.permit.Report(o)
		h.permit = nil
	}
}

// delays is when this refund is tried again.
func (h *execution) delays() Delays {
	return Delays{Retry: h.cfg.Retry, Breaker: h.breaker, Now: h.cfg.Now, Taken: h.entry.Record.Delays, Before: h.entry.Record.Response}
}
