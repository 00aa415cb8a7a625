package worker

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/retry"
)

// broken is a gateway with a bug.
type broken struct{}

func (broken) Prepare(context.Context, channel.Channel) error              { panic("a bug") }
func (broken) Refund(context.Context, doku.Order) (v doku.RefundOutcome)   { return v }
func (broken) Inquire(context.Context, doku.Order) (i doku.InquiryOutcome) { return i }

// A handler that panics is survived. While it held the permit of the only probe,
// the breaker would let nothing through until the process ends.
func TestHandlingThatPanicsGivesItsPermitBack(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	clock := func() time.Time { return now }
	policy := retry.Policy{Initial: time.Minute, Max: time.Minute}
	b := retry.NewBreaker(retry.BreakerConfig{Now: clock, Policy: policy})
	for b.State() == retry.Closed {
		permit, _ := b.Allow(retry.Call{Subject: "rf-0", Write: true})
		permit.Report(retry.Unauthorized())
	}
	now = now.Add(10 * time.Minute) // long enough for any kind of probe
	l := &runner{
		Worker:  &Worker{cfg: Config{Gateway: broken{}, Now: clock, Retry: policy}, stop: t.Context()},
		channel: channel.CreditCard, breaker: b, limiter: rate.NewLimiter(rate.Inf, 1), log: slog.New(slog.DiscardHandler),
	}
	h := &execution{runner: l, job: jobs.Incoming{Decoded: jobs.Decoded{Job: jobs.Job{RefundID: "rf-1"}}}}
	func() {
		defer func() { _ = recover() }()
		defer h.returnPermit()
		_, _, _ = h.ready(t.Context(), retry.Call{Subject: "rf-1", Write: true})
	}()
	if permit, _ := b.Allow(retry.Call{Subject: "rf-2", Write: true}); permit == nil {
		t.Error("no other probe is let through")
	}
}
