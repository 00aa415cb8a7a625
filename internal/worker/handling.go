package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"refundworker/internal/jobs"
	"refundworker/internal/ledger"
	"refundworker/internal/refund"
	"refundworker/internal/retry"
)

// handling is one delivery in one process: what design.md §4 calls "own".
type handling struct {
	*lane
	d       *jobs.Delivery
	job     jobs.Decoded
	entry   ledger.Entry // the record that is decided from; Seq 0: none is known
	steps   refund.Handling
	now     time.Time     // of the current effect
	permit  *retry.Permit // leave to make one call, while held
	said    *refund.Said  // of the last answer
	problem string        // of the last answer, in our words
}

// handle is what the intake calls for every message. A message that it does not
// acknowledge comes again after its AckWait.
func (l *lane) handle(ctx context.Context, d *jobs.Delivery) {
	gauge := l.cfg.Metrics.JobsInFlight.WithLabelValues(string(l.channel))
	gauge.Inc()
	defer gauge.Dec()
	if d.Source == jobs.Fresh && d.Delivered <= 1 {
		l.cfg.Metrics.QueueWait.WithLabelValues(string(l.channel)).Observe(l.cfg.Now().Sub(d.Stored).Seconds())
	}
	if letter, ok := jobs.DeferredLetter(d); ok {
		l.buryAndAck(ctx, d, letter)
		return
	}
	job := decode(d)
	if job.Outcome == jobs.Unreadable {
		l.buryAndAck(ctx, d, deadLetter(d, jobs.DeadUnreadable), "error", job.Err)
		return
	}
	// A second delivery of a refund that this process has in hand is no owner:
	// it must not look into the record that the first is about to follow.
	if !l.working.begin(job.Job.RefundID) {
		return
	}
	defer l.working.end(job.Job.RefundID)
	h := &handling{lane: l, d: d, job: job}
	defer h.returnPermit()
	if err := h.run(ctx); err != nil {
		h.failed(err)
	}
}

func decode(d *jobs.Delivery) jobs.Decoded {
	if isNudge(d) {
		return jobs.DecodeNudge(d.Channel, d.Data)
	}
	return jobs.Decode(d.Channel, d.Data)
}

// isNudge honours the header on the due subjects alone: producers can set any
// header on a job, but cannot publish there.
func isNudge(d *jobs.Delivery) bool {
	return d.Source == jobs.Due && d.Header.Get(jobs.HeaderNudge) != ""
}

// failed tells of a handling that ended without an acknowledgement. Nothing is
// decided by it: the message comes again.
func (h *handling) failed(err error) {
	if errors.Is(err, errHandBack) {
		if err := h.d.Nak(0); err != nil {
			h.log.Debug("message not handed back", "refund_id", h.id(), "error", err)
		}
		return
	}
	// Once the answer is recorded only its wait is missing, and the next
	// delivery stores that.
	if h.steps.Event().Kind == refund.Answered && h.entry.Record.State == refund.Sending {
		h.log.Error("answer from DOKU lost with this process: the refund will be asked about",
			"refund_id", h.id(), "state", h.entry.Record.State, "error", err)
		return
	}
	h.log.Warn("refund left to its next delivery", "refund_id", h.id(), "state", h.entry.Record.State, "error", err)
}

func (h *handling) id() string { return h.job.Job.RefundID }

// run decides and does until nothing more follows.
func (h *handling) run(ctx context.Context) error {
	// A fresh job is taken for new without a look; if it is not, its first
	// append is refused and tells so.
	if h.d.Source == jobs.Due || h.d.Delivered > 1 {
		if err := h.read(ctx); err != nil {
			return err
		}
	}
	h.steps = refund.Begin(h.entry.Record.Core, h.delivered())
	for {
		h.now = h.cfg.Now()
		h.steps = h.steps.Decide(refund.At(h.now), h.cfg.Policy)
		effect, more := h.steps.Effect()
		if !more {
			return nil
		}
		if err := effects[effect](h, ctx); err != nil {
			return err
		}
		if h.cfg.Interrupt == nil {
			continue
		}
		if err := h.cfg.Interrupt(h.id(), effect); err != nil {
			return err
		}
	}
}

func (h *handling) read(ctx context.Context) error {
	last, err := h.cfg.Ledger.Last(ctx, h.id())
	if err != nil {
		return fmt.Errorf("%s: %w", h.id(), err)
	}
	h.entry = last
	return nil
}

// delivered is the event of this delivery against the record in hand.
func (h *handling) delivered() refund.Event {
	e := refund.Event{
		Kind:       refund.Delivered,
		Same:       h.same(),
		NoCustomer: h.job.CustomerTokenMissing,
		NotBefore:  refund.At(h.job.Job.NotBefore),
		Deadline:   refund.At(h.job.Job.Deadline),
	}
	switch {
	case isNudge(h.d):
		e.Job = refund.Nudge
	case h.job.Outcome == jobs.Broken:
		e.Job = refund.Broken
		e.Code = Code(h.job.Problems.Code())
	}
	return e
}

// same reports whether the delivery has the content that was recorded.
func (h *handling) same() bool {
	recorded := h.entry.Record.Fingerprint
	return recorded == "" || recorded == h.job.Fingerprint().String()
}

func (h *handling) returnPermit() {
	if h.permit != nil {
		h.permit.Cancel()
		h.permit = nil
	}
}
