package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// overdueAfter is how late a wait may be before it is taken for one that the
// server dropped: a schedule that falls due while the server cannot store (disk
// or account full) stays silent until a restart. A server that can store is ten
// seconds late at the most, but for a drain of very many: then it is only slow,
// and to publish all of them again would make it slower.
const (
	overdueAfter     = 15 * time.Second
	longOverdueAfter = 5 * time.Minute
	mostAgain        = 2000 // in one sweep, of those that are not long overdue
)

// Swept is what a sweep has done.
type Swept struct {
	Again   int  // published again
	Read    int  // round trips
	Blocked bool // something is overdue, and could not be stored either
	Capped  bool // more is overdue
}

// SweepOverdue walks the stored waits, oldest first, up to the first that is
// too young to be overdue, and publishes again what is, guarded by that
// subject's own sequence: one that has fired meanwhile is left alone, and any
// number of workers may sweep at once. At worst a wait fires twice, and the
// second delivery finds the record that the first has left. Times are the
// server's, however wrong our clock is.
func (l *Ledger) SweepOverdue(ctx context.Context) (Swept, error) {
	var done Swept
	began := l.cfg.Now()
	info, err := l.info(ctx, stream.Waits, "", 0)
	if err != nil {
		return done, fmt.Errorf("sweep overdue waits: %w", err)
	}
	for next := uint64(1); !done.Blocked && !done.Capped; next++ {
		m, err := l.get(ctx, stream.Waits, msgRequest{Seq: next, NextFor: retrySubjects})
		if err != nil {
			return done, fmt.Errorf("sweep overdue waits: %w", err)
		}
		done.Read++
		now := info.TimeStamp.Add(l.cfg.Now().Sub(began))
		// What is published again comes last and must not be met once more.
		if m.Seq == 0 || m.Seq > info.State.LastSeq || now.Sub(m.Time) < l.cfg.OverdueAfter {
			break
		}
		next = m.Seq
		l.sweepOne(ctx, m, now, &done)
	}
	return done, nil
}

// sweepOne publishes a wait again that is overdue.
func (l *Ledger) sweepOne(ctx context.Context, m rawMessage, now time.Time, done *Swept) {
	at, err := scheduled(m)
	if err != nil {
		l.cfg.Log.Error("scheduled message unreadable", "sequence", m.Seq, "error", err)
		return
	}
	late := now.Sub(at)
	if late <= l.cfg.OverdueAfter {
		return
	}
	if late <= longOverdueAfter && done.Again >= mostAgain {
		done.Capped = true
		return
	}
	once, cancel := context.WithTimeout(ctx, l.cfg.RequestTimeout)
	defer cancel()
	switch err := l.republish(once, m); {
	case err == nil:
		done.Again++
	case apiCode(err) == codeWrongLastSequence: // it fired, or another worker was first
	default:
		done.Blocked = true
		l.cfg.Log.Debug("overdue message not published again", "subject", m.Subject, "error", err)
	}
}

// republish stores a wait or a deferred dead letter once more, guarded by its
// subject's sequence.
func (l *Ledger) republish(ctx context.Context, m rawMessage) error {
	if stream.IsDeferredSubject(m.Subject) {
		return l.republishDeferred(ctx, m)
	}
	w, err := scheduledMessage(m)
	if err != nil {
		return err
	}
	return l.publishScheduled(ctx, w, m.Seq)
}

// scheduledMessage reads a stored wait back.
func scheduledMessage(m rawMessage) (ScheduledMessage, error) {
	ch, id, err := jobs.ParseRetrySubject(m.Subject)
	if err != nil {
		return ScheduledMessage{}, err
	}
	at, err := scheduled(m)
	if err != nil {
		return ScheduledMessage{}, err
	}
	return ScheduledMessage{
		Channel: ch, RefundID: id, At: at, Body: m.Data,
		Traceparent: m.header.Get(jobs.HeaderTraceParent), WakeUp: m.header.Get(jobs.HeaderWakeUp) != "",
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
