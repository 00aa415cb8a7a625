package worker

import (
	"context"
	"errors"
	"time"

	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

// prepare waits for all that a send needs besides the job, before anything is
// recorded: a place under the rate limit, the breaker's permit, the B2B token.
func (e *execution) prepare(ctx context.Context) error {
	event := e.machine.Event()
	var err error
	if event.Ready, event.Delay, err = e.ready(ctx, retry.Call{Subject: e.id(), Write: true}); err != nil {
		return err
	}
	event.Nonce = refund.Nonce(e.cfg.Nonce())
	e.observe(event)
	return nil
}

// ready returns whether a call may be made now, and else when to try again.
func (e *execution) ready(ctx context.Context, call retry.Call) (refund.Readiness, time.Duration, error) {
	e.returnPermit()
	if err := e.waitForRateLimit(ctx); err != nil {
		return refund.NotReady, 0, err
	}
	permit, err := e.waitForPermit(ctx, call)
	if err != nil {
		return refund.NotReady, 0, err
	}
	if e.refused = permit == nil; e.refused {
		return refund.NotReady, e.delays().Next(0), nil
	}
	e.permit = permit // at once: while a probe's permit is out, no other call is permitted
	err = e.cfg.Gateway.Prepare(ctx, e.channel)
	switch {
	case err == nil && !permit.Void():
		return refund.Ready, 0, nil
	case err == nil: // the breaker opened while this call waited for its token
		e.returnPermit()
		return refund.NotReady, e.delays().Next(0), nil
	case ctx.Err() != nil:
		e.returnPermit()
		return refund.NotReady, 0, ctx.Err()
	}
	return refund.NotReady, e.noToken(err), nil
}

// noToken reports why there is no B2B token, and returns when to try again.
func (e *execution) noToken(err error) time.Duration {
	e.log.Warn("no B2B token", "refund_id", e.id(), "error", err)
	failed := &doku.PrepareError{}
	if !errors.As(err, &failed) {
		e.returnPermit() // it says nothing about the channel
		return e.delays().Next(0)
	}
	e.report(failed.Channel())
	return e.delays().Next(failed.RetryAfter)
}

// waitForPermit asks the breaker for a permit; nil: not now. Where the breaker
// looks for a cheaper probe, the answer takes up to a second.
func (e *execution) waitForPermit(ctx context.Context, call retry.Call) (*retry.Permit, error) {
	for {
		permit, wait := e.breaker.Allow(call)
		if permit != nil || wait == 0 {
			return permit, nil
		}
		if err := e.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// sleep waits for d, or until the stop begins.
func (e *execution) sleep(ctx context.Context, d time.Duration) error {
	ctx, cancel := e.untilStop(ctx)
	defer cancel()
	if err := retry.Sleep(ctx, d); err != nil {
		return e.stopError(err)
	}
	return nil
}

// waitForRateLimit waits for a place under the rate limit.
func (e *execution) waitForRateLimit(ctx context.Context) error {
	if ctx.Err() == nil && e.stop.Err() == nil && e.limiter.Allow() {
		return nil // mostly: a context is made only where there is something to wait for
	}
	ctx, cancel := e.untilStop(ctx)
	defer cancel()
	return e.stopError(e.limiter.Wait(ctx))
}

// untilStop returns a context that also ends when the stop begins: a call that
// has not begun by then is left to another process.
func (e *execution) untilStop(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	detach := context.AfterFunc(e.stop, cancel)
	return ctx, func() { detach(); cancel() }
}

func (e *execution) stopError(err error) error {
	if e.stop.Err() != nil {
		return errStopping
	}
	return err
}

func (e *execution) send(ctx context.Context) error {
	began := e.cfg.Now()
	outcome := e.sendIfClockIsSure(ctx)
	answer := outcome.Answer()
	e.ended(outcome.Response, outcome.Problem, outcome.Channel())
	e.cfg.Metrics.Attempts.WithLabelValues(string(e.channel), attemptOutcomes[answer]).Inc()
	e.log.Debug("refund call ended", "refund_id", e.id(), "attempt", e.entry.Record.Sends,
		"code", outcome.Response.Code, "duration", e.cfg.Now().Sub(began), "problem", outcome.Problem)
	e.observe(refund.Event{
		Kind: refund.SendEnded, Own: true, Answer: answer, Replay: outcome.Evidence == refund.ByReplay,
		Delay: outcome.Delay(e.delays(), e.entry.Record.Response), NoCustomer: e.job.CustomerTokenMissing,
	})
	return nil
}

// sendIfClockIsSure sends no byte where the clock has come into doubt since the
// send was recorded, as after send_by.
func (e *execution) sendIfClockIsSure(ctx context.Context) doku.RefundOutcome {
	if err := e.clock.check(); err != nil {
		return doku.RefundOutcome{Class: doku.NotExecuted, Cause: doku.TooLate, Problem: "nothing sent: " + err.Error()}
	}
	return e.cfg.Gateway.Refund(ctx, e.order())
}

// maxPostponements is how often the last inquiry about a refund is postponed
// while the breaker is open. After that the refund ends unresolved without it:
// its result would come too late.
const maxPostponements = 4

func (e *execution) inquire(ctx context.Context) error {
	event := refund.Event{
		Kind: refund.InquiryEnded, Own: true, NoCustomer: e.job.CustomerTokenMissing, AskedAt: refund.At(e.cfg.Now()),
	}
	ready, delay, err := e.ready(ctx, retry.Call{Subject: e.id()})
	if err != nil {
		return err
	}
	event.Delay = delay
	switch {
	case ready == refund.Ready:
		if err := e.clock.check(); err != nil { // to get ready may have taken long
			return err
		}
		event = e.ask(ctx, event)
	case e.refused && event.AskedAt >= e.entry.Record.Deadline && e.d.Delivered <= maxPostponements:
		// The last inquiry has not been made yet: its absence should not end the
		// refund.
		return postponedError{delay}
	}
	e.observe(event)
	return nil
}

// ask makes the inquiry.
func (e *execution) ask(ctx context.Context, event refund.Event) refund.Event {
	event.AskedAt = refund.At(e.cfg.Now())
	outcome := e.cfg.Gateway.Inquire(ctx, e.order())
	e.ended(outcome.Response, outcome.Problem, outcome.Channel())
	event.Finding = outcome.Finding
	event.Delay = e.delays().Next(outcome.RetryAfter)
	e.cfg.Metrics.Inquiries.WithLabelValues(string(e.channel), inquiryOutcomes[event.Finding]).Inc()
	return event
}

// ended keeps what a call brought, for the record and for the breaker.
func (e *execution) ended(r refund.Response, problem string, channel retry.Outcome) {
	e.response, e.problem = r, problem
	e.report(channel)
}

// order is the refund as DOKU shall see it, with the newest delivery's customer.
func (e *execution) order() doku.Order {
	return doku.NewOrder(&e.entry.Record, doku.Customer(e.job.Job.Customer))
}

func (e *execution) report(o retry.Outcome) {
	if e.permit != nil {
		e.permit.Report(o)
		e.permit = nil
	}
}

func (e *execution) delays() retry.Delays {
	return retry.Delays{Policy: e.cfg.Retry, Breaker: e.breaker, Now: e.cfg.Now, Taken: int(e.entry.Record.Delays)}
}
