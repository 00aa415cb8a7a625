package worker

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/ledger"
)

// How often overdue waits are looked for. A sweep costs a round trip for each
// wait that is stored, so many waits are walked less often.
const (
	sweepEvery   = 30 * time.Second
	sweepSeldom  = 5 * time.Minute
	sweepPerRead = 20 * time.Millisecond
	soonPerRead  = 2 * time.Millisecond

	// After a time in which nothing could be stored: soon, and once more when
	// what fell due at its end is overdue, too.
	sweepSoon  = 3 * time.Second
	sweepAfter = 18 * time.Second
)

// keepSweeping publishes waits again that the server has dropped, until ctx ends.
func (w *Worker) keepSweeping(ctx context.Context) {
	nc := w.cfg.JS.Conn()
	connected := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(connected)
	plan := sweepPlan{again: true} // who starts may be here because all was down
	timer := time.NewTimer(w.jittered(sweepSoon))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-connected:
			plan.recovered(timer, w.jittered(plan.soonest()))
		case <-w.cfg.Ledger.Recovered():
			plan.recovered(timer, w.jittered(plan.soonest()))
		case <-timer.C:
			plan.soon = false
			timer.Reset(w.jittered(plan.next(w.sweep(ctx))))
		}
	}
}

// sweepPlan says when the next sweep is.
type sweepPlan struct {
	soon  bool // one is coming because something has healed
	again bool // and then another
	read  int  // by the last sweep
}

// soonest is how soon the next sweep may come.
func (s *sweepPlan) soonest() time.Duration {
	return max(sweepSoon, time.Duration(s.read)*soonPerRead)
}

// recovered brings the next sweep forward, once: while more and more of what was
// refused succeeds, the sweep must not be put off by each.
func (s *sweepPlan) recovered(timer *time.Timer, d time.Duration) {
	s.again = true
	if !s.soon {
		s.soon = true
		timer.Reset(d)
	}
}

// next is how long after a sweep the next one comes.
func (s *sweepPlan) next(done ledger.Swept, err error) time.Duration {
	s.read = done.Read
	switch {
	case err != nil || done.Blocked || done.Capped:
		s.again = true
		return s.soonest()
	case s.again:
		s.again = false
		return max(sweepAfter, s.soonest())
	}
	return min(max(sweepEvery, time.Duration(done.Read)*sweepPerRead), sweepSeldom)
}

// sweep is one of them.
func (w *Worker) sweep(ctx context.Context) (ledger.Swept, error) {
	done, err := w.cfg.Ledger.SweepOverdue(ctx)
	if err != nil && ctx.Err() == nil {
		w.cfg.Log.Debug("overdue messages not swept", "error", err)
	}
	if done.Again > 0 {
		w.cfg.Log.Warn("overdue messages published again", "count", done.Again)
	}
	return done, err
}
