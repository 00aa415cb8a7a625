package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/retry"
)

// How often each chore is done. All are jittered, so that a fleet that was
// started together does not knock together.
const (
	unresolvedEvery = 15 * time.Second
	intakeEvery     = 250 * time.Millisecond
	pausedEvery     = 10 * time.Second
)

// startMaintenance starts what a worker does besides jobs.
func (w *Worker) startMaintenance(ctx context.Context, group *sync.WaitGroup) {
	counter := w.cfg.Ledger.NewUnresolvedCounter()
	group.Go(func() { w.keepSweeping(ctx) })
	group.Go(func() { w.watchClock(ctx) })
	w.every(ctx, group, storageEvery, w.checkStorage)
	w.every(ctx, group, intakeEvery, w.checkIntakes)
	w.every(ctx, group, pausedEvery, w.checkPaused)
	w.every(ctx, group, unresolvedEvery, func(ctx context.Context) {
		waiting, err := w.cfg.Ledger.Waiting(ctx)
		if w.blockOn(ctx, "streams", err) {
			return
		}
		w.cfg.Metrics.Waiting.Set(float64(waiting))
		unresolved, err := counter.Unresolved(ctx)
		if !w.blockOn(ctx, "streams", err) {
			w.cfg.Metrics.Unresolved.Set(float64(unresolved))
		}
	})
}

// every calls do at once, and again and again until ctx ends, at intervals of d ±
// 20 %.
func (w *Worker) every(ctx context.Context, group *sync.WaitGroup, d time.Duration, do func(context.Context)) {
	group.Go(func() {
		for {
			do(ctx)
			if retry.Sleep(ctx, w.jittered(d)) != nil {
				return
			}
		}
	})
}

// jittered is d ± 20 %.
func (w *Worker) jittered(d time.Duration) time.Duration {
	return d*4/5 + time.Duration(w.cfg.Rand()*float64(d*2/5))
}

func (w *Worker) checkIntakes(ctx context.Context) {
	interrupted := map[string]error{}
	for _, r := range w.runners {
		w.blockOn(ctx, "intake: "+string(r.channel), r.intake.Status())
		maps.Copy(interrupted, r.intake.Interrupted())
	}
	maps.DeleteFunc(interrupted, func(_ string, err error) bool {
		return errors.Is(err, intake.ErrNotPulling) // nothing has gone wrong: it begins
	})
	if ctx.Err() == nil && w.stop.Err() == nil {
		w.intakeInterruption.report(interrupted)
	}
}

// checkPaused shows which channels an operator has paused. A pause stands in
// JetStream, so that it holds for the whole fleet and survives restarts.
func (w *Worker) checkPaused(ctx context.Context) {
	for _, r := range w.runners {
		paused, err := w.paused(ctx, r.channel)
		if err != nil {
			continue // the intake says so
		}
		line, gauge := "", 0.0
		if paused {
			line, gauge = fmt.Sprintf("%s: paused by an operator", r.channel), 1
		}
		r.paused.Store(paused)
		w.cfg.Health.Remark("paused: "+string(r.channel), line)
		w.cfg.Metrics.Paused.WithLabelValues(string(r.channel)).Set(gauge)
	}
}

// paused reports whether one of the channel's consumers is.
func (w *Worker) paused(ctx context.Context, ch channel.Channel) (bool, error) {
	for _, c := range stream.Consumers([]channel.Channel{ch}) {
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
	// Joined errors are lines; as one reason they would show an escaped "\n".
	w.cfg.Health.Block(key, strings.ReplaceAll(err.Error(), "\n", "; "))
	return true
}
