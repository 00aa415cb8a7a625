package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// appendTimeout is how long an append that carries no answer, a read or a
// scheduled message is tried before its message is requeued. To give up at once
// would leave every message of the queue to its AckWait, one after the other,
// for a stream that has no leader for some seconds.
const appendTimeout = 15 * time.Second

// effects is how each effect is carried out here. Each advances the machine, or
// observes an event.
var effects = map[refund.Effect]func(*execution, context.Context) error{
	refund.Append:      (*execution).append,
	refund.Prepare:     (*execution).prepare,
	refund.Send:        (*execution).send,
	refund.Inquire:     (*execution).inquire,
	refund.Schedule:    (*execution).schedule,
	refund.Ack:         (*execution).ack,
	refund.DeadLetter:  (*execution).deadLetter,
	refund.LateSuccess: (*execution).lateSuccess,
	refund.Reread:      (*execution).reread,
}

func (e *execution) append(ctx context.Context) error {
	record := e.next()
	seq, err := e.store(ctx, &record)
	var moved *ledger.MovedError
	if errors.As(err, &moved) {
		e.follow(moved.Last)
		return nil
	}
	if err != nil {
		return err
	}
	e.entry = ledger.Entry{Record: record, Seq: seq}
	e.machine = e.machine.Advance()
	e.recorded(ctx)
	return nil
}

// next builds the record to append.
func (e *execution) next() refund.Record {
	last := e.entry.Record
	if last.V == 0 {
		last = e.job.FirstRecord(refund.At(e.d.Stored))
		last.ClientID, last.Environment = e.cfg.ClientID, e.cfg.Environment
		last.Traceparent = jobs.TraceParent(e.d.Header)
	}
	details := refund.Details{
		At: refund.At(e.decided), By: e.stamp(), Prev: e.entry.Seq, Response: e.response, Note: e.problem,
	}
	if e.machine.Event().Job == refund.InvalidJob {
		details.Note = e.job.Problems.String()
	}
	return e.machine.Record(last, details)
}

// store appends for as long as the record deserves: an answer of DOKU's until it
// is stored, an announced send until its own time is over.
func (e *execution) store(ctx context.Context, r *refund.Record) (uint64, error) {
	if e.machine.HoldsAnswer() {
		return e.storeAnswer(ctx, r)
	}
	limit := e.decided.Add(appendTimeout)
	if r.State == refund.Sending {
		limit = r.SendBy.Time()
	}
	return e.cfg.Ledger.AppendUntilStored(ctx, limit, r, func(err error) {
		e.log.Debug("record not stored yet", "refund_id", e.id(), "state", r.State, "error", err)
	})
}

// follow continues from the record that is stored where this execution meant to
// append. A record that is gone (Seq 0) leaves the execution with its own.
func (e *execution) follow(last ledger.Entry) {
	last = withServerTime(last)
	core := last.Record.Core
	if last.Seq == 0 {
		last.Record = e.entry.Record
	}
	e.entry = last
	e.decide(e.machine.Moved(core, e.delivered()))
	e.entry.Record.Core = e.machine.Core()
	if e.machine.Event().Kind == refund.Delivered {
		e.returnPermit()
	}
}

// schedule stores the message that is delivered when the refund is due. The
// server delivers it by its own clock: on a server whose clock is ahead of ours
// every message would come early, again and again until ours has caught up.
func (e *execution) schedule(ctx context.Context) error {
	at := e.clock.serverTime(e.machine.At().Time())
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	err := e.cfg.Ledger.ScheduleUntilStored(ctx, ledger.ScheduledMessage{
		Channel: e.channel, RefundID: e.id(), At: at, Body: e.d.Data,
		Traceparent: e.entry.Record.Traceparent, WakeUp: e.job.WakeUp,
	}, func(err error) {
		e.log.Debug("scheduled message not stored yet", "refund_id", e.id(), "error", err)
	})
	e.machine = e.machine.Advance()
	return err
}

func (e *execution) ack(context.Context) error {
	if err := e.d.Ack(); err != nil {
		// The redelivery finds the record.
		e.log.Debug("message not acknowledged", "refund_id", e.id(), "error", err)
	}
	e.machine = e.machine.Advance()
	return nil
}

func (e *execution) deadLetter(ctx context.Context) error {
	e.machine = e.machine.Advance()
	letter := deadLetter(e.d, stream.DeadRefundIDConflict)
	letter.RefundID = e.id()
	return e.storeDeadLetter(ctx, letter, "refund_id", e.id())
}

func (e *execution) lateSuccess(context.Context) error {
	e.cfg.Metrics.LateSuccess.WithLabelValues(string(e.channel)).Inc()
	e.log.Error("money moved for a refund that had been given up",
		"refund_id", e.id(), "state", e.entry.Record.State, "attempt", e.entry.Record.Sends)
	e.machine = e.machine.Advance()
	return nil
}

func (e *execution) reread(ctx context.Context) error {
	e.returnPermit()
	if err := e.read(ctx); err != nil {
		return fmt.Errorf("read again: %w", err)
	}
	e.decide(refund.Start(e.entry.Record.Core, e.delivered()))
	return nil
}
