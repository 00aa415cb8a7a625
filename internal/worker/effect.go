package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// appendTimeout is how long an append that carries no answer, a read or a wait is
// tried, before its message is handed back. To give up at once would leave every
// message of the queue to its AckWait, one after the other, for a stream that
// has no leader for some seconds.
const appendTimeout = 15 * time.Second

// effects is how each effect is carried out here: done, it moves h.steps on.
var effects = map[refund.Effect]func(*execution, context.Context) error{
	refund.Append:      (*execution).append,
	refund.Prepare:     (*execution).prepare,
	refund.Send:        (*execution).send,
	refund.Inquire:     (*execution).inquireIfReady,
	refund.Schedule:    (*execution).schedule,
	refund.Ack:         (*execution).ack,
	refund.DeadLetter:  (*execution).deadLetter,
	refund.LateSuccess: (*execution).lateSuccess,
	refund.Reread:      (*execution).reconsider,
}

func (h *execution) append(ctx context.Context) error {
	record := h.next()
	seq, err := h.store(ctx, &record)
	var moved *ledger.MovedError
	if errors.As(err, &moved) {
		h.follow(moved.Last)
		return nil
	}
	if err != nil {
		return err
	}
	h.entry = ledger.Entry{Record: record, Seq: seq}
	h.machine = h.machine.Advance()
	h.recorded()
	return nil
}

// store appends with the patience that the record deserves: an answer of DOKU's
// is kept until it is stored; a send is not announced after its own time.
func (h *execution) store(ctx context.Context, r *refund.Record) (uint64, error) {
	if h.machine.Event().Kind == refund.SendEnded || h.machine.Proof() {
		return h.insist(ctx, r)
	}
	limit := h.now.Add(appendTimeout)
	if r.State == refund.Sending {
		limit = r.SendBy.Time()
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	return h.cfg.Ledger.Insist(ctx, r, func(err error) {
		h.log.Debug("record not stored yet", "refund_id", h.id(), "state", r.State, "error", err)
	})
}

// insist keeps an answer in hand until it is stored. Meanwhile the channel
// takes no new job, and the process says that it is not ready.
func (h *execution) insist(ctx context.Context, r *refund.Record) (uint64, error) {
	key := "answer in hand: " + string(h.channel)
	holding := false
	seq, err := h.insistShortened(ctx, r, func(err error) {
		if !holding {
			holding = true
			h.unstored.add(1)
			h.cfg.Health.Block(key, fmt.Sprintf("%s: an answer from DOKU cannot be stored", h.channel))
		}
		h.unstored.shut()
		h.log.Error("answer from DOKU not stored yet", "refund_id", h.id(), "state", r.State, "error", err)
	})
	if err == nil {
		h.unstored.open()
	}
	if holding && h.unstored.add(-1) == 0 {
		h.cfg.Health.Clear(key)
	}
	return seq, err
}

// follow goes on from the record that stands where we meant to append. A record
// that is gone leaves us with our own.
func (h *execution) follow(last ledger.Entry) {
	if last.Seq == 0 {
		last.Record = h.entry.Record
		last.Record.State = refund.None
	}
	last = seen(last)
	h.entry = last
	h.machine = h.machine.Moved(last.Record.Core, h.delivered())
	if h.machine.Event().Kind == refund.Delivered {
		h.returnPermit()
	}
}

// schedule stores the wait. The server fires it by its own clock: on one that is
// ahead of ours every wait would come early, and again and again until ours has
// caught up.
func (h *execution) schedule(ctx context.Context) error {
	at := h.clock.serverTime(h.machine.At().Time())
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	err := h.cfg.Ledger.InsistSchedule(ctx, ledger.Wait{
		Channel: h.channel, RefundID: h.id(), At: at, Body: h.d.Data,
		Traceparent: h.entry.Record.Traceparent, Nudge: isWakeUp(h.d),
	}, func(err error) {
		h.log.Debug("wait not stored yet", "refund_id", h.id(), "error", err)
	})
	h.machine = h.machine.Advance()
	return err
}

func (h *execution) ack(context.Context) error {
	if err := h.d.Ack(); err != nil {
		// It comes again and finds the record.
		h.log.Debug("message not acknowledged", "refund_id", h.id(), "error", err)
	}
	h.machine = h.machine.Advance()
	return nil
}

func (h *execution) deadLetter(ctx context.Context) error {
	h.machine = h.machine.Advance()
	letter := deadLetter(h.d, stream.DeadRefundIDConflict)
	letter.RefundID = h.id()
	return h.storeDeadLetter(ctx, letter, "refund_id", h.id())
}

func (h *execution) lateSuccess(context.Context) error {
	h.cfg.Metrics.LateSuccess.WithLabelValues(string(h.channel)).Inc()
	h.log.Error("money moved for a refund that had been given up",
		"refund_id", h.id(), "state", h.entry.Record.State, "attempt", h.entry.Record.Sends)
	h.machine = h.machine.Advance()
	return nil
}

func (h *execution) reconsider(ctx context.Context) error {
	h.returnPermit()
	if err := h.read(ctx); err != nil {
		return err
	}
	h.machine = refund.Start(h.entry.Record.Core, h.delivered())
	return nil
}
