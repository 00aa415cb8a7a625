package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

// execution is one delivery in one process: what design.md §4 calls "own".
type execution struct {
	*runner
	d        *intake.Delivery
	job      jobs.Decoded
	entry    ledger.Entry // the record that is decided from; Seq 0: none is known
	machine  refund.Machine
	now      time.Time        // of the current effect
	permit   *retry.Permit    // permission to make one call, while held
	response *refund.Response // of the last answer
	problem  string           // of the last answer, in our words
	refused  bool             // the breaker gave no leave to make the last call
}

// handle is what the intake calls for every message. A message that it does not
// acknowledge comes again after its AckWait.
func (l *runner) handle(ctx context.Context, d *intake.Delivery) {
	if err := l.clock.check(); err != nil {
		l.requeue(d, clockDelay, err)
		return
	}
	gauge := l.cfg.Metrics.JobsInFlight.WithLabelValues(string(l.channel))
	gauge.Inc()
	defer gauge.Dec()
	if d.Source == intake.Fresh && d.Delivered <= 1 {
		l.cfg.Metrics.QueueWait.WithLabelValues(string(l.channel)).Observe(l.cfg.Now().Sub(d.Stored).Seconds())
	}
	if letter, ok := deferredLetter(d); ok {
		l.deadLetterAndAck(ctx, d, letter)
		return
	}
	job := decode(d)
	if job.Outcome == jobs.Unreadable {
		l.deadLetterAndAck(ctx, d, deadLetter(d, stream.DeadUnreadable), "error", job.Err)
		return
	}
	// A second delivery of a refund that this process has in hand is no owner:
	// it must not look into the record that the first is about to follow. Left to
	// AckWait, a burst of repeats would end at one message each half minute, and
	// the rest hold the consumer's MaxAckPending meanwhile.
	if !l.inFlight.begin(job.Job.RefundID) {
		l.requeue(d, l.inFlightDelay(d.Delivered), errInFlight)
		return
	}
	defer l.inFlight.end(job.Job.RefundID)
	h := &execution{runner: l, d: d, job: job}
	defer h.returnPermit()
	if err := h.run(ctx); err != nil {
		h.failed(ctx, err)
	}
}

// deferredLetter reads the headers on the due subjects alone: producers can set
// any header on a job, but cannot publish there.
func deferredLetter(d *intake.Delivery) (stream.DeadLetter, bool) {
	if d.Source != intake.Due {
		return stream.DeadLetter{}, false
	}
	return stream.DeferredLetter(d.Channel, d.Header, d.Data, d.Stored)
}

func decode(d *intake.Delivery) jobs.Decoded {
	if isWakeUp(d) {
		return jobs.DecodeNudge(d.Channel, d.Data)
	}
	return jobs.Decode(d.Channel, d.Data)
}

// isWakeUp honours the header on the due subjects alone: producers can set any
// header on a job, but cannot publish there.
func isWakeUp(d *intake.Delivery) bool {
	return d.Source == intake.Due && d.Header.Get(jobs.HeaderNudge) != ""
}

// failed tells of a handling that ended without an acknowledgement. Nothing is
// decided by it: the message comes again, and is handed back for that where this
// process could not read or store: another may, and none has to wait for AckWait.
func (h *execution) failed(ctx context.Context, err error) {
	var postponed postponedError
	switch {
	case errors.As(err, &postponed):
		h.requeue(h.d, postponed.delay, err)
		return
	case errors.Is(err, errStopping):
		h.requeue(h.d, 0, err)
		return
	case errors.Is(err, ErrClock), errors.Is(err, ErrClockUnknown):
		h.requeue(h.d, clockDelay, err)
		return
	}
	// Once the answer is recorded only its wait is missing, and the next
	// delivery stores that.
	if h.machine.Event().Kind == refund.SendEnded && h.entry.Record.State == refund.Sending {
		h.log.Error("answer from DOKU lost with this process: the refund will be asked about",
			"refund_id", h.id(), "state", h.entry.Record.State, "error", err)
		return
	}
	h.log.Warn("refund left to its next delivery", "refund_id", h.id(), "state", h.entry.Record.State, "error", err)
	// What a process that is being abandoned could not do is its own end's fault.
	if ctx.Err() == nil && !errors.Is(err, errInterrupted) {
		h.requeue(h.d, h.requeueDelay(), err)
	}
}

// Where a handling could not store, its message is kept away for a moment: with
// no delay it would come again at once, as often as the server can send it.
const (
	requeueFirst  = 2 * time.Second
	requeueSpread = 3 * time.Second
)

func (w *Worker) requeueDelay() time.Duration {
	return requeueFirst + time.Duration(w.cfg.Rand()*float64(requeueSpread))
}

// inFlightDelay is how long a delivery is kept away whose refund is in hand: short
// at first, for most handlings end within milliseconds and the delivery may bring
// a customer's new token; then longer, for a call to DOKU may take a minute.
func (w *Worker) inFlightDelay(delivered uint64) time.Duration {
	const first, most = 250 * time.Millisecond, 4 * time.Second
	pause := min(first<<min(delivered, 5)/2, most)
	return pause + time.Duration(w.cfg.Rand()*float64(pause))
}

// clockDelay is how long a message is kept away that was handed back because the
// clock is in doubt. Left to its AckWait, every refund in hand would be late by
// half a minute whenever a clock is set; handed back at once, it might come here
// again through a pull that still stands.
const clockDelay = time.Second

// requeue gives a message back that nothing was done for. One that does not
// arrive is left to its AckWait.
func (l *runner) requeue(d *intake.Delivery, after time.Duration, why error) {
	l.log.Debug("message handed back", "stream", d.Stream, "sequence", d.Sequence, "error", errors.Join(why, d.Nak(after)))
}

// restsOnClock reports whether what comes next is decided by the clock. An
// answer in hand is recorded all the same, and so is an inquiry's yes; an
// announced send is held back by [execution.refund], which leaves an answer.
func (h *execution) restsOnClock(next refund.Effect) bool {
	switch e := h.machine.Event(); {
	case e.Kind == refund.SendEnded, e.Kind == refund.InquiryEnded && e.Finding == refund.FoundSuccess:
		return false
	default:
		return next != refund.Send
	}
}

func (h *execution) id() string { return h.job.Job.RefundID }

// run decides and does until nothing more follows.
func (h *execution) run(ctx context.Context) error {
	// A fresh job is taken for new without a look; if it is not, its first
	// append is refused and tells so.
	if h.d.Source == intake.Due || h.d.Delivered > 1 {
		if err := h.read(ctx); err != nil {
			return err
		}
	}
	h.machine = refund.Start(h.entry.Record.Core, h.delivered())
	for {
		h.now = h.cfg.Now()
		h.machine = h.machine.Decide(refund.At(h.now), h.cfg.Policy)
		effect, more := h.machine.Effect()
		if !more {
			return nil
		}
		if h.restsOnClock(effect) {
			if err := h.clock.check(); err != nil {
				return err
			}
		}
		if err := effects[effect](h, ctx); err != nil {
			return err
		}
		if h.cfg.Interrupt == nil {
			continue
		}
		if err := h.cfg.Interrupt(h.id(), effect); err != nil {
			return fmt.Errorf("%w: %w", errInterrupted, err)
		}
	}
}

func (h *execution) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	last, err := h.cfg.Ledger.InsistLast(ctx, h.id(), func(err error) {
		h.log.Debug("record not read yet", "refund_id", h.id(), "error", err)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", h.id(), err)
	}
	h.entry = seen(last)
	return nil
}

// seen is a record as it is decided from: by the server's time of it, where the
// writer's clock was behind.
func seen(e ledger.Entry) ledger.Entry {
	e.Record.Core = e.Record.CoreStored(refund.At(e.Stored))
	return e
}

// delivered is the event of this delivery against the record in hand.
func (h *execution) delivered() refund.Event {
	same := h.same()
	e := refund.Event{
		Kind:       refund.Delivered,
		Same:       same,
		NoCustomer: h.job.CustomerTokenMissing,
		NotBefore:  refund.At(h.job.Job.NotBefore),
		Deadline:   refund.At(h.job.Job.Deadline),
	}
	switch {
	case isWakeUp(h.d):
		e.Job = refund.WakeUp
	case h.entry.Record.V != 0 && same:
		// The refund was accepted: what today's rules say of its job stops nothing.
	case h.job.Outcome == jobs.Broken:
		e.Job = refund.InvalidJob
		e.Code = Code(h.job.Problems.Code())
	}
	return e
}

// same reports whether the delivery is of the job that was recorded.
func (h *execution) same() bool {
	return h.job.Repeats(h.entry.Record.Fingerprint, RulesOf(h.d.Source, &h.entry.Record))
}

// RulesOf returns the version of the job rules that a message of a recorded
// refund is held against: the record's own for a producer's message, none for
// the refund's wait, which only workers publish.
func RulesOf(feed intake.Feed, r *refund.Record) int {
	if feed == intake.Due {
		return jobs.AnyRules
	}
	return r.Rules
}

func (h *execution) returnPermit() {
	if h.permit != nil {
		h.permit.Cancel()
		h.permit = nil
	}
}
