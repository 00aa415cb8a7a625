package worker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// deadLetters is what this process knows of REFUND_DEAD.
type deadLetterState struct {
	refused   atomic.Bool // by the last answer
	unnoticed atomic.Bool // by the last answer: producers are not told
}

// deadLetter is a message as a dead letter.
func deadLetter(d *intake.Delivery, reason stream.DeadReason) stream.DeadLetter {
	return stream.DeadLetter{
		Reason: reason, Channel: d.Channel, Stream: d.Stream, Sequence: d.Sequence, Subject: d.Subject, StoredAt: d.Stored, Body: d.Data,
	}
}

// storeDeadLetter stores a dead letter and its notice. One that REFUND_DEAD
// refuses is stored as a wait, and tried again when that fires: a producer that
// floods a channel with messages that cannot be parsed must not stop it.
// Without an error the message may be acknowledged.
func (r *runner) storeDeadLetter(ctx context.Context, letter stream.DeadLetter, attrs ...any) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	attrs = append([]any{"code", letter.Reason, "stream", letter.Stream, "sequence", letter.Sequence}, attrs...)
	err := r.cfg.Dead.Publish(ctx, letter)
	switch {
	case errors.Is(err, stream.ErrDeadRefused):
		return r.deferLetter(ctx, letter, err)
	case errors.Is(err, stream.ErrNotNoticed):
		r.unnoticed(letter, err)
	case err != nil:
		return fmt.Errorf("store dead letter: %w", err)
	default:
		r.noticed()
	}
	r.deadLettersRefused(nil)
	r.cfg.Metrics.DeadLetters.WithLabelValues(string(letter.Reason)).Inc()
	r.log.Warn("message stored as a dead letter", attrs...)
	return nil
}

// unnoticed counts a dead letter that its producer is not told of. A REFUND_DEAD
// or permissions of an older version are not a reason to keep its message.
func (r *runner) unnoticed(letter stream.DeadLetter, err error) {
	r.cfg.Metrics.NoticesLost.WithLabelValues(string(letter.Reason)).Inc()
	if r.deadLetters.unnoticed.Swap(true) {
		return
	}
	r.cfg.Health.Remark("notices", "producers are not told of dead letters: "+err.Error())
	r.log.Warn("producers are not told of dead letters", "error", err)
}

func (r *runner) noticed() {
	if r.deadLetters.unnoticed.Swap(false) {
		r.cfg.Health.Remark("notices", "")
		r.log.Info("producers are told of dead letters again")
	}
}

// deferLetter stores the letter as a wait for about RETRY_MAX.
func (r *runner) deferLetter(ctx context.Context, letter stream.DeadLetter, cause error) error {
	due := r.clock.serverTime(r.cfg.Now()).Add(r.jittered(r.cfg.Retry.Max))
	if err := r.cfg.Ledger.Defer(ctx, letter, due); err != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	r.deadLettersRefused(cause)
	r.log.Debug("dead letter deferred", "code", letter.Reason, "stream", letter.Stream, "sequence", letter.Sequence, "due", due)
	return nil
}

// deadLettersRefused shows whether REFUND_DEAD takes letters; nil: it does.
func (w *Worker) deadLettersRefused(cause error) {
	refused := cause != nil
	if w.deadLetters.refused.Swap(refused) == refused {
		return
	}
	if !refused {
		w.cfg.Metrics.DeadRefused.Set(0)
		w.cfg.Health.Remark("dead letters", "")
		w.cfg.Log.Info("dead letters are stored again")
		return
	}
	w.cfg.Metrics.DeadRefused.Set(1)
	w.cfg.Health.Remark("dead letters", "dead letters cannot be stored and wait in "+stream.Waits+": "+cause.Error())
	w.cfg.Log.Error("dead letters cannot be stored and wait", "stream", stream.Waits, "error", cause)
}

func (r *runner) deadLetterAndAck(ctx context.Context, d *intake.Delivery, letter stream.DeadLetter, attrs ...any) {
	if err := r.storeDeadLetter(ctx, letter, attrs...); err != nil {
		r.log.Warn("message will be redelivered", "sequence", d.Sequence, "error", err)
		if ctx.Err() == nil {
			r.requeue(d, r.requeueDelay(), err)
		}
		return
	}
	if err := d.Ack(); err != nil {
		r.log.Debug("message not acknowledged", "sequence", d.Sequence, "error", err)
	}
}
