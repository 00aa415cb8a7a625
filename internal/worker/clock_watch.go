package worker

import (
	"context"
	"errors"
	"time"

	"refundworker.example/refundworker/internal/retry"
)

const (
	measureEvery = 20 * time.Second
	lookEvery    = time.Second // at both clocks, for a jump
	unsurePause  = 250 * time.Millisecond
)

// watchClock measures the clock, at once where it is in doubt, and keeps the
// process not ready for as long as it is.
func (w *Worker) watchClock(ctx context.Context) {
	was := ErrClockUnknown // not measured yet, which is no news
	for {
		now := w.checkClock(ctx)
		if ctx.Err() != nil {
			return
		}
		w.reportClock(was, now)
		was = now
		if now == nil {
			_ = retry.SleepUntil(ctx, lookEvery, w.clock.doubted)
		} else { // who waits for the clock must not have it measured without a pause
			_ = retry.Sleep(ctx, unsurePause)
		}
	}
}

func (w *Worker) checkClock(ctx context.Context) error {
	if w.clock.due(measureEvery) {
		if err := w.clock.measure(ctx, w.cfg.Ledger.ClockOffset); err != nil {
			w.cfg.Log.Debug("clock not measured", "error", err)
		}
	}
	return w.clock.state()
}

func (w *Worker) reportClock(was, now error) {
	switch {
	case now == nil:
		w.cfg.Health.Clear("clock")
		if was != nil {
			w.cfg.Log.Info("clock agrees with that of NATS: jobs are taken")
		}
		return
	case was == nil || errors.Is(was, ErrClock) != errors.Is(now, ErrClock):
		w.cfg.Log.Error("clock not sure: no job is taken until it is", "error", now)
	}
	w.cfg.Health.Block("clock", now.Error())
}
