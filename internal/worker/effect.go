package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"refundworker/internal/jobs"
	"refundworker/internal/ledger"
	"refundworker/internal/refund"
)

// patience is how long an append that carries no answer is tried, before its
// message is left to its next delivery.
const patience = 15 * time.Second

// outcome is what an effect leads to: more reports that event has to be decided
// on next.
type outcome struct {
	event refund.Event
	more  bool
}

// effects is how each effect of a step is carried out here.
var effects = map[refund.Effect]func(*handling, context.Context, refund.Step, refund.Event) (outcome, error){
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

// carryOut does the effects of a step in their order, up to the first that
// leads to another decision or cannot be done.
func (h *handling) carryOut(ctx context.Context, step refund.Step, event refund.Event) (refund.Event, bool, error) {
	for _, effect := range step.Effects {
		out, err := effects[effect](h, ctx, step, event)
		if err == nil && h.cfg.Interrupt != nil {
			err = h.cfg.Interrupt(effect)
		}
		if err != nil || out.more {
			return out.event, out.more, err
		}
	}
	return refund.Event{}, false, nil
}

func (h *handling) append(ctx context.Context, step refund.Step, event refund.Event) (outcome, error) {
	record := h.next(step, event)
	seq, err := h.store(ctx, &record, step, event)
	var moved *ledger.MovedError
	if errors.As(err, &moved) {
		return outcome{event: h.moved(moved.Last, event), more: true}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	h.entry = ledger.Entry{Record: record, Seq: seq}
	h.recorded()
	return outcome{}, nil
}

// store appends with the patience that the record deserves: an answer of DOKU's
// is kept until it is stored; a send is not announced after its own time.
func (h *handling) store(ctx context.Context, r *refund.Record, step refund.Step, event refund.Event) (uint64, error) {
	if event.Kind == refund.Answered || step.Proof {
		return h.insist(ctx, r)
	}
	limit := h.now.Add(patience)
	if r.State == refund.Sending {
		limit = r.SendBy.Time()
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	return h.cfg.Ledger.Append(ctx, r)
}

// insist keeps an answer in hand until it is stored. Meanwhile the channel
// takes no new job, and the process says that it is not ready.
func (h *handling) insist(ctx context.Context, r *refund.Record) (uint64, error) {
	key := "answer in hand: " + string(h.channel)
	holding := false
	seq, err := h.cfg.Ledger.Insist(ctx, r, func(err error) {
		if !holding {
			holding = true
			h.held.add(1)
			h.cfg.Health.Block(key, fmt.Sprintf("%s: an answer from DOKU cannot be stored", h.channel))
		}
		h.log.Error("answer from DOKU not stored yet", "refund_id", h.id(), "state", r.State, "error", err)
	})
	if holding && h.held.add(-1) == 0 {
		h.cfg.Health.Clear(key)
	}
	return seq, err
}

// moved takes the record that stands where we meant to append, and returns the
// event against it. A record that is gone leaves us with what we know ourselves:
// that this refund may have been sent.
func (h *handling) moved(last ledger.Entry, event refund.Event) refund.Event {
	if last.Seq == 0 {
		last.Record = h.entry.Record
		last.Record.State = refund.None
	}
	h.entry = last
	if event.Kind == refund.Delivered {
		h.returnPermit()
		return h.delivered()
	}
	event.Own = false
	return event
}

func (h *handling) schedule(ctx context.Context, step refund.Step, _ refund.Event) (outcome, error) {
	r := h.entry.Record
	err := h.cfg.Ledger.Schedule(ctx, ledger.Wait{
		Channel: h.channel, RefundID: h.id(), At: step.At.Time(), Body: h.d.Data,
		Traceparent: r.Traceparent, Nudge: isNudge(h.d),
	})
	return outcome{}, err
}

func (h *handling) ack(context.Context, refund.Step, refund.Event) (outcome, error) {
	if err := h.d.Ack(); err != nil {
		// It comes again and finds the record.
		h.log.Debug("message not acknowledged", "refund_id", h.id(), "error", err)
	}
	return outcome{}, nil
}

func (h *handling) deadLetter(ctx context.Context, _ refund.Step, _ refund.Event) (outcome, error) {
	return outcome{}, h.bury(ctx, h.d, jobs.DeadRefundIDConflict, "refund_id", h.id())
}

func (h *handling) lateSuccess(context.Context, refund.Step, refund.Event) (outcome, error) {
	h.cfg.Metrics.LateSuccess.WithLabelValues(string(h.channel)).Inc()
	h.log.Error("money moved for a refund that had been given up",
		"refund_id", h.id(), "state", h.entry.Record.State, "attempt", h.entry.Record.Sends)
	return outcome{}, nil
}

func (h *handling) reconsider(ctx context.Context, _ refund.Step, _ refund.Event) (outcome, error) {
	h.returnPermit()
	if err := h.read(ctx); err != nil {
		return outcome{}, err
	}
	return outcome{event: h.delivered(), more: true}, nil
}

// bury stores a message as a dead letter.
func (l *lane) bury(ctx context.Context, d *jobs.Delivery, reason jobs.DeadReason, attrs ...any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := l.cfg.Dead.Publish(ctx, jobs.DeadLetter{
		Reason: reason, Channel: d.Channel, Stream: d.Stream, Sequence: d.Sequence, Subject: d.Subject, Body: d.Data,
	})
	if err != nil {
		return fmt.Errorf("store dead letter: %w", err)
	}
	l.cfg.Metrics.DeadLetters.WithLabelValues(string(reason)).Inc()
	l.log.Warn("message is no job: stored as a dead letter",
		append([]any{"code", reason, "stream", d.Stream, "sequence", d.Sequence}, attrs...)...)
	return nil
}

func (l *lane) buryAndAck(ctx context.Context, d *jobs.Delivery, reason jobs.DeadReason, cause error) {
	if err := l.bury(ctx, d, reason, "error", cause); err != nil {
		l.log.Warn("message left to its next delivery", "sequence", d.Sequence, "error", err)
		return
	}
	if err := d.Ack(); err != nil {
		l.log.Debug("message not acknowledged", "sequence", d.Sequence, "error", err)
	}
}
