package worker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"refundworker/internal/channel"
	"refundworker/internal/jobs"
)

// How often each chore is done. All are jittered, so that a fleet that was
// started together does not knock together.
const (
	sweepEvery  = 5 * time.Minute
	censusEvery = 15 * time.Second
	clockEvery  = 30 * time.Second
	intakeEvery = 250 * time.Millisecond
	pausedEvery = 10 * time.Second
	// clockOff is how far this machine's clock may be from the server's. The
	// quiet period covers two such clocks.
	clockOff = 10 * time.Second
)

// startChores starts what a worker does besides jobs.
func (w *Worker) startChores(ctx context.Context, group *sync.WaitGroup) {
	census := w.cfg.Ledger.NewCensus()
	w.every(ctx, group, sweepEvery, false, w.sweep)
	w.every(ctx, group, storageEvery, true, w.checkStorage)
	w.every(ctx, group, clockEvery, true, w.checkClock)
	w.every(ctx, group, intakeEvery, true, w.checkIntakes)
	w.every(ctx, group, pausedEvery, true, w.checkPaused)
	w.every(ctx, group, censusEvery, true, func(ctx context.Context) {
		waiting, err := w.cfg.Ledger.Waiting(ctx)
		if w.blockOn(ctx, "streams", err) {
			return
		}
		w.cfg.Metrics.Waiting.Set(float64(waiting))
		unresolved, err := census.Unresolved(ctx)
		if !w.blockOn(ctx, "streams", err) {
			w.cfg.Metrics.Unresolved.Set(float64(unresolved))
		}
	})
}

// every calls do again and again until ctx ends, at intervals of d ± 20 %.
func (w *Worker) every(ctx context.Context, group *sync.WaitGroup, d time.Duration, atOnce bool, do func(context.Context)) {
	group.Go(func() {
		if atOnce {
			do(ctx)
		}
		for {
			timer := time.NewTimer(d*4/5 + time.Duration(w.cfg.Rand()*float64(d*2/5)))
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
				do(ctx)
			}
		}
	})
}

func (w *Worker) sweep(ctx context.Context) {
	again, err := w.cfg.Ledger.SweepOverdue(ctx)
	if err != nil && ctx.Err() == nil {
		w.cfg.Log.Warn("overdue waits not swept", "error", err)
	}
	if again > 0 {
		w.cfg.Log.Warn("overdue waits published again", "count", again)
	}
}

// checkClock keeps a worker whose clock is off from deciding about days.
func (w *Worker) checkClock(ctx context.Context) {
	offset, err := w.cfg.Ledger.ClockOffset(ctx)
	if err != nil {
		return // the census says so
	}
	w.offset.Store(int64(offset))
	if offset.Abs() > clockOff {
		err = fmt.Errorf("%w: the NATS server's is %s ahead", ErrClock, offset.Round(time.Second))
	}
	w.blockOn(ctx, "clock", err)
}

func (w *Worker) checkIntakes(ctx context.Context) {
	for _, l := range w.lanes {
		w.blockOn(ctx, "intake: "+string(l.channel), l.intake.Status())
	}
}

// checkPaused shows which channels an operator has paused. A pause stands in
// JetStream, so that it holds for the whole fleet and survives restarts.
func (w *Worker) checkPaused(ctx context.Context) {
	for _, l := range w.lanes {
		paused, err := w.paused(ctx, l.channel)
		if err != nil {
			continue // the intake says so
		}
		line, gauge := "", 0.0
		if paused {
			line, gauge = fmt.Sprintf("%s: paused by an operator", l.channel), 1
		}
		w.cfg.Health.Remark("paused: "+string(l.channel), line)
		w.cfg.Metrics.Paused.WithLabelValues(string(l.channel)).Set(gauge)
	}
}

// paused reports whether one of the channel's consumers is.
func (w *Worker) paused(ctx context.Context, ch channel.Channel) (bool, error) {
	for _, c := range jobs.Consumers([]channel.Channel{ch}) {
		consumer, err := w.cfg.JS.Consumer(ctx, c.Stream, c.Config.Durable)
		if err != nil {
			return false, fmt.Errorf("look at consumer %s: %w", c.Config.Durable, err)
		}
		if consumer.CachedInfo().Paused {
			return true, nil
		}
	}
	return false, nil
}

// blockOn makes the process not ready while err lasts, and reports whether it
// does.
func (w *Worker) blockOn(ctx context.Context, key string, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	if err == nil {
		w.cfg.Health.Clear(key)
		return false
	}
	w.cfg.Health.Block(key, err.Error())
	return true
}
