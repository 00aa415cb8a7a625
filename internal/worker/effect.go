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

// patience is how long an append that carries no answer, a read or a wait is
// tried, before its message is handed back. To give up at once would leave every
// message of the queue to its AckWait, one after the other, for a stream that
// has no leader for some seconds.
const patience = 15 * time.Second

// effects is how each effect is carried out here: done, it moves h.steps on.
var effects = map[refund.Effect]func(*handling, context.Context) error{
	refund.Append:      (*handling).append,
	refund.Prepare:     (*handling).prepare,
	refund.Send:        (*handling).send,
	refund.Ask:         (*handling).ask,
	refund.Schedule:    (*handling).schedule,
	refund.Ack:         (*handling).ack,
	refund.DeadLetter:  (*handling).deadLetter,
	refund.LateSuccess: (*handling).lateSuccess,
	refund.Reconsider:  (*handling).reconsider,
}

func (h *handling) append(ctx context.Context) error {
	record := h.next()
	seq, err := h.store(ctx, &record)
	var moved *ledger.MovedError
	if errors.As(err, &moved) {
		h.moved(moved.Last)
		return nil
	}
	if err != nil {
		return err
	}
	h.entry = ledger.Entry{Record: record, Seq: seq}
	h.steps = h.steps.Did()
	h.recorded()
	return nil
}

// store appends with the patience that the record deserves: an answer of DOKU's
// is kept until it is stored; a send is not announced after its own time.
func (h *handling) store(ctx context.Context, r *refund.Record) (uint64, error) {
	if h.steps.Event().Kind == refund.Answered || h.steps.Proof() {
		return h.insist(ctx, r)
	}
	limit := h.now.Add(patience)
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
func (h *handling) insist(ctx context.Context, r *refund.Record) (uint64, error) {
	key := "answer in hand: " + string(h.channel)
	holding := false
	seq, err := h.insistShortened(ctx, r, func(err error) {
		if !holding {
			holding = true
			h.held.add(1)
			h.cfg.Health.Block(key, fmt.Sprintf("%s: an answer from DOKU cannot be stored", h.channel))
		}
		h.held.shut()
		h.log.Error("answer from DOKU not stored yet", "refund_id", h.id(), "state", r.State, "error", err)
	})
	if err == nil {
		h.held.open()
	}
	if holding && h.held.add(-1) == 0 {
		h.cfg.Health.Clear(key)
	}
	return seq, err
}

// moved goes on from the record that stands where we meant to append. A record
// that is gone leaves us with our own.
func (h *handling) moved(last ledger.Entry) {
	if last.Seq == 0 {
		last.Record = h.entry.Record
		last.Record.State = refund.None
	}
	last = seen(last)
	h.entry = last
	h.steps = h.steps.Moved(last.Record.Core, h.delivered())
	if h.steps.Event().Kind == refund.Delivered {
		h.returnPermit()
	}
}

// schedule stores the wait. The server fires it by its own clock: on one that is
// ahead of ours every wait would come early, and again and again until ours has
// caught up.
func (h *handling) schedule(ctx context.Context) error {
	at := h.clock.serverTime(h.steps.At().Time())
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := h.cfg.Ledger.InsistSchedule(ctx, ledger.Wait{
		Channel: h.channel, RefundID: h.id(), At: at, Body: h.d.Data,
		Traceparent: h.entry.Record.Traceparent, Nudge: isNudge(h.d),
	}, func(err error) {
		h.log.Debug("wait not stored yet", "refund_id", h.id(), "error", err)
	})
	h.steps = h.steps.Did()
	return err
}

func (h *handling) ack(context.Context) error {
	if err := h.d.Ack(); err != nil {
		// It comes again and finds the record.
		h.log.Debug("message not acknowledged", "refund_id", h.id(), "error", err)
	}
	h.steps = h.steps.Did()
	return nil
}

func (h *handling) deadLetter(ctx context.Context) error {
	h.steps = h.steps.Did()
	letter := deadLetter(h.d, stream.DeadRefundIDConflict)
	letter.RefundID = h.id()
	return h.bury(ctx, letter, "refund_id", h.id())
}

func (h *handling) lateSuccess(context.Context) error {
	h.cfg.Metrics.LateSuccess.WithLabelValues(string(h.channel)).Inc()
	h.log.Error("money moved for a refund that had been given up",
		"refund_id", h.id(), "state", h.entry.Record.State, "attempt", h.entry.Record.Sends)
	h.steps = h.steps.Did()
	return nil
}

func (h *handling) reconsider(ctx context.Context) error {
	h.returnPermit()
	if err := h.read(ctx); err != nil {
		return err
	}
	h.steps = refund.Begin(h.entry.Record.Core, h.delivered())
	return nil
}
