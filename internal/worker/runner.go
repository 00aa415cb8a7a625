package worker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/retry"
)

// runner is one channel in this process: its breaker, its rate limit, its intake.
// What goes wrong on one channel does not affect the others.
type runner struct {
	*Worker
	channel  channel.Channel
	breaker  *retry.Breaker
	limiter  *rate.Limiter
	intake   *intake.Intake
	unstored unstored
	paused   atomic.Bool // by an operator, when last looked
	log      *slog.Logger
}

func (w *Worker) newRunner(ch channel.Channel) (*runner, error) {
	r := &runner{Worker: w, channel: ch, log: w.cfg.Log.With("channel", ch)}
	r.limiter = rate.NewLimiter(rate.Inf, 1)
	if w.cfg.RateLimit > 0 {
		r.limiter.SetLimit(rate.Limit(w.cfg.RateLimit))
	}
	r.breaker = retry.NewBreaker(retry.BreakerConfig{Now: w.cfg.Now, OnChange: r.breakerChanged, Policy: w.cfg.Retry})
	var err error
	r.intake, err = w.newIntake(r)
	return r, err
}

func (r *runner) breakerChanged(open bool, reason string) {
	if !open {
		r.cfg.Metrics.CircuitOpen.WithLabelValues(string(r.channel)).Set(0)
		r.cfg.Health.Restore(r.channel)
		r.log.Info("circuit breaker closed")
		return
	}
	r.cfg.Metrics.CircuitOpen.WithLabelValues(string(r.channel)).Set(1)
	r.cfg.Health.Degrade(r.channel, fmt.Sprintf("%s: circuit breaker open: %s", r.channel, reason))
	r.log.Error("circuit breaker opened", "code", reason)
}

// Wait implements the intake's gate. No job is taken while an answer cannot be
// stored, while the clock is in doubt, or while the breaker is open.
func (r *runner) Wait(ctx context.Context) (int, error) { return r.wait(ctx, r.breaker.Wait) }

// wait lets the breaker decide when nothing else holds the channel back.
func (r *runner) wait(ctx context.Context, breaker func(context.Context) (int, error)) (int, error) {
	if err := r.clock.wait(ctx); err != nil {
		return 0, err
	}
	if err := r.unstored.wait(ctx); err != nil {
		return 0, err
	}
	return breaker(ctx)
}

// newJobsGate is the gate of new jobs. Each needs a refund call, and stays queued
// while the breaker looks for a cheaper probe.
type newJobsGate struct{ *runner }

// Wait implements [intake.Gate].
func (g newJobsGate) Wait(ctx context.Context) (int, error) { return g.wait(ctx, g.breaker.WaitNew) }

// inFlight is the set of refunds that this process works on.
type inFlight struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

// begin reports whether nobody else in this process works on the refund.
func (f *inFlight) begin(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, busy := f.ids[id]; busy {
		return false
	}
	f.ids[id] = struct{}{}
	return true
}

func (f *inFlight) end(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ids, id)
}
