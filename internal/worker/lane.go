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
// What goes wrong on one lane leaves the others alone.
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
	l := &runner{Worker: w, channel: ch, log: w.cfg.Log.With("channel", ch)}
	l.limiter = rate.NewLimiter(rate.Inf, 1)
	if w.cfg.RateLimit > 0 {
		l.limiter.SetLimit(rate.Limit(w.cfg.RateLimit))
	}
	l.breaker = retry.NewBreaker(retry.BreakerConfig{Now: w.cfg.Now, OnChange: l.breakerChanged, Policy: w.cfg.Retry})
	var err error
	l.intake, err = w.newIntake(l)
	return l, err
}

func (l *runner) breakerChanged(open bool, reason string) {
	if !open {
		l.cfg.Metrics.CircuitOpen.WithLabelValues(string(l.channel)).Set(0)
		l.cfg.Health.Restore(l.channel)
		l.log.Info("circuit breaker closed")
		return
	}
	l.cfg.Metrics.CircuitOpen.WithLabelValues(string(l.channel)).Set(1)
	l.cfg.Health.Degrade(l.channel, fmt.Sprintf("%s: circuit breaker open: %s", l.channel, reason))
	l.log.Error("circuit breaker opened", "code", reason)
}

// Wait implements the intake's gate: no new job while an answer in hand cannot
// be stored, while the clock is in doubt, nor while the breaker is open.
func (l *runner) Wait(ctx context.Context) (int, error) { return l.wait(ctx, l.breaker.Wait) }

// wait lets the breaker decide when nothing else holds the channel back.
func (l *runner) wait(ctx context.Context, breaker func(context.Context) (int, error)) (int, error) {
	if err := l.clock.wait(ctx); err != nil {
		return 0, err
	}
	if err := l.unstored.wait(ctx); err != nil {
		return 0, err
	}
	return breaker(ctx)
}

// newJobsGate is the gate of the feed of new jobs: they want a refund call each, and
// stay queued while the breaker looks for a cheaper probe.
type newJobsGate struct{ *runner }

// Wait implements [jobs.Gate].
func (g newJobsGate) Wait(ctx context.Context) (int, error) { return g.wait(ctx, g.breaker.WaitNew) }

// unstored counts the answers that could not be stored yet. It keeps new jobs away
// from the moment that storing one fails until storing any of them succeeds: by
// then the stream works again, and the others are stored soon after.
type unstored struct {
	mu     sync.Mutex
	count  int
	opened chan struct{} // closed when jobs may be taken; nil while they may
}

// add counts answers in hand; when none is left, jobs may be taken.
func (h *unstored) add(n int) (now int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count += n; h.count == 0 {
		h.letGo()
	}
	return h.count
}

func (h *unstored) any() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count > 0
}

// shut keeps jobs away, as long as there is an answer in hand.
func (h *unstored) shut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.opened == nil && h.count > 0 {
		h.opened = make(chan struct{})
	}
}

// open lets jobs in: an answer has been stored.
func (h *unstored) open() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.letGo()
}

func (h *unstored) letGo() {
	if h.opened != nil {
		close(h.opened)
		h.opened = nil
	}
}

func (h *unstored) wait(ctx context.Context) error {
	for {
		h.mu.Lock()
		opened := h.opened
		h.mu.Unlock()
		if opened == nil {
			return ctx.Err()
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// inFlight is the set of refunds that this process has in hand.
type inFlight struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

// begin reports whether the caller is the only one to have the refund.
func (w *inFlight) begin(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, busy := w.ids[id]; busy {
		return false
	}
	w.ids[id] = struct{}{}
	return true
}

func (w *inFlight) end(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.ids, id)
}
