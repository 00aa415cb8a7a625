package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"refundworker/internal/jobs"
)

// overdueAfter is how late a wait may be before it is taken for one that the
// server dropped: a schedule that falls due while the server cannot store (disk
// or account full) stays silent until a restart. A drain of 100,000 schedules
// takes 80 s by itself.
const overdueAfter = 5 * time.Minute

// SweepOverdue walks the stored waits, oldest first, up to the first that is
// younger than five minutes, and publishes again what is more than five minutes
// overdue, guarded by that subject's own sequence, so that any number of
// workers may do it at once. It returns how many it published again.
func (l *Ledger) SweepOverdue(ctx context.Context) (int, error) {
	// What is published again comes last and must not be met once more, however
	// wrong our clock is.
	info, err := l.info(ctx, jobs.StreamWaits, "", 0)
	if err != nil {
		return 0, fmt.Errorf("sweep overdue waits: %w", err)
	}
	again := 0
	for next := uint64(1); ; next++ {
		m, err := l.get(ctx, jobs.StreamWaits, msgRequest{Seq: next, NextFor: retrySubjects})
		if err != nil {
			return again, fmt.Errorf("sweep overdue waits: %w", err)
		}
		now := l.cfg.Now()
		if m.Seq == 0 || m.Seq > info.State.LastSeq || now.Sub(m.Time) < overdueAfter {
			return again, nil
		}
		next = m.Seq
		if isDeferred(m.Subject) {
			again += l.sweepDeferred(ctx, m, now)
			continue
		}
		w, err := wait(m)
		if err != nil {
			l.cfg.Log.Error("wait unreadable", "sequence", m.Seq, "error", err)
			continue
		}
		if now.Sub(w.At) <= overdueAfter {
			continue
		}
		if err := l.publishWait(ctx, w, m.Seq); err != nil {
			l.cfg.Log.Debug("overdue wait not published again", "refund_id", w.RefundID, "error", err)
			continue // it fired, or another worker was first
		}
		again++
	}
}

// wait reads a stored wait back.
func wait(m rawMessage) (Wait, error) {
	ch, id, err := jobs.ParseRetrySubject(m.Subject)
	if err != nil {
		return Wait{}, err
	}
	at, err := scheduled(m)
	if err != nil {
		return Wait{}, err
	}
	return Wait{
		Channel: ch, RefundID: id, At: at, Body: m.Data,
		Traceparent: m.header.Get(jobs.HeaderTraceParent), Nudge: m.header.Get(jobs.HeaderNudge) != "",
	}, nil
}

// scheduled returns when a stored wait fires.
func scheduled(m rawMessage) (time.Time, error) {
	text, ok := strings.CutPrefix(m.header.Get(headerSchedule), "@at ")
	if !ok {
		return time.Time{}, fmt.Errorf("%s: no %s header", m.Subject, headerSchedule)
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %s header: %w", m.Subject, headerSchedule, err)
	}
	return at, nil
}
