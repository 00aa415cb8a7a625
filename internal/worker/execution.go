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

// execution carries out what the state machine decides on one delivery in one
// process. Only the execution that stored a record, or read it last, owns it.
type execution struct {
	*runner
	d        *intake.Delivery
	job      jobs.Incoming
	entry    ledger.Entry // the record that is decided from; Seq 0: none is known
	machine  refund.Machine
	decided  time.Time       // when the machine decided last
	permit   *retry.Permit   // for one call, until its outcome is reported
	response refund.Response // to the last call
	problem  string          // of the last call, in our words
	refused  bool            // the breaker did not permit the last call
}

// handle is what the intake calls for every message. A message that it does not
// acknowledge is delivered again after its AckWait.
func (r *runner) handle(ctx context.Context, d *intake.Delivery) {
	if err := r.clock.check(); err != nil {
		r.requeue(d, clockDelay, err)
		return
	}
	gauge := r.cfg.Metrics.JobsInFlight.WithLabelValues(string(r.channel))
	gauge.Inc()
	defer gauge.Dec()
	if d.Origin == intake.FromJobs && d.Delivered <= 1 {
		r.cfg.Metrics.QueueWait.WithLabelValues(string(r.channel)).Observe(r.cfg.Now().Sub(d.Stored).Seconds())
	}
	due := d.Origin == intake.FromDue
	if letter, ok := stream.DeferredLetter(d.Channel, d.Header, d.Data, d.Stored); ok && due {
		r.deadLetterAndAck(ctx, d, letter)
		return
	}
	job := jobs.Read(d.Channel, d.Header, d.Data, due)
	if job.Outcome == jobs.Unreadable {
		r.deadLetterAndAck(ctx, d, deadLetter(d, stream.DeadUnreadable), "error", job.Err)
		return
	}
	r.execute(ctx, d, job)
}

// execute looks at a refund unless this process does so already. A second
// delivery is not the owner: it must not read the record that the first is about to
// follow. Left to its AckWait, a burst of redeliveries would end at one message
// each half minute, and the rest would fill the consumer's MaxAckPending.
func (r *runner) execute(ctx context.Context, d *intake.Delivery, job jobs.Incoming) {
	id := job.Job.RefundID
	if !r.inFlight.begin(id) {
		r.requeue(d, r.inFlightDelay(d.Delivered), errInFlight)
		return
	}
	defer r.inFlight.end(id)
	e := &execution{runner: r, d: d, job: job}
	defer e.returnPermit()
	if err := e.run(ctx); err != nil {
		e.failed(ctx, err)
	}
}

func (e *execution) id() string { return e.job.Job.RefundID }

// run carries out effects until none is left.
func (e *execution) run(ctx context.Context) error {
	// The job of a first delivery is taken for new without a read. If it is not,
	// its first append is refused.
	if e.d.Origin == intake.FromDue || e.d.Delivered > 1 {
		if err := e.read(ctx); err != nil {
			return err
		}
	}
	e.decide(refund.Start(e.entry.Record.Core, e.delivered()))
	for effect, more := e.machine.Effect(); more; effect, more = e.machine.Effect() {
		if e.machine.NeedsClock() {
			if err := e.clock.check(); err != nil {
				return err
			}
		}
		if err := effects[effect](e, ctx); err != nil {
			return err
		}
		if err := e.interrupted(effect); err != nil {
			return err
		}
	}
	return nil
}

// decide lets the machine find what follows. It is called once for each event.
func (e *execution) decide(m refund.Machine) {
	e.decided = e.cfg.Now()
	e.machine = m.Decide(refund.At(e.decided), e.cfg.Policy)
}

func (e *execution) observe(event refund.Event) { e.decide(e.machine.Observe(event)) }

// delivered is the event of this delivery against the record in flight.
func (e *execution) delivered() refund.Event { return e.job.Delivered(&e.entry.Record) }

func (e *execution) interrupted(done refund.Effect) error {
	if e.cfg.Interrupt == nil {
		return nil
	}
	if err := e.cfg.Interrupt(e.id(), done); err != nil {
		return fmt.Errorf("%w: %w", errInterrupted, err)
	}
	return nil
}

// read reads the refund's last record.
func (e *execution) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	last, err := e.cfg.Ledger.ReadUntilAnswered(ctx, e.id(), func(err error) {
		e.log.Debug("record not read yet", "refund_id", e.id(), "error", err)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", e.id(), err)
	}
	e.entry = withServerTime(last)
	return nil
}

// withServerTime is a record as it is decided from: by the server's time of it,
// where the writer's clock was behind.
func withServerTime(last ledger.Entry) ledger.Entry {
	last.Record.Core = last.Record.CoreStored(refund.At(last.Stored))
	return last
}

// failed ends an execution without an acknowledgement. Nothing is decided by it:
// the message is delivered again. Where this process could not read or store,
// the message is requeued, for another process may; then no message has to wait
// for its AckWait.
func (e *execution) failed(ctx context.Context, err error) {
	var postponed postponedError
	switch {
	case errors.As(err, &postponed):
		e.requeue(e.d, postponed.delay, err)
		return
	case errors.Is(err, errStopping):
		e.requeue(e.d, 0, err)
		return
	case errors.Is(err, ErrClock), errors.Is(err, ErrClockUnknown):
		e.requeue(e.d, clockDelay, err)
		return
	}
	// Once the answer is recorded only the scheduled message is missing, and the
	// redelivery stores that.
	if e.machine.Event().Kind == refund.SendEnded && e.entry.Record.State == refund.Sending {
		e.log.Error("answer from DOKU not recorded: DOKU will be asked about the refund",
			"refund_id", e.id(), "state", e.entry.Record.State, "error", err)
		return
	}
	e.log.Warn("refund will be redelivered", "refund_id", e.id(), "state", e.entry.Record.State, "error", err)
	// A process that is being stopped requeues nothing.
	if ctx.Err() == nil && !errors.Is(err, errInterrupted) {
		e.requeue(e.d, e.requeueDelay(), err)
	}
}

func (e *execution) returnPermit() {
	if e.permit != nil {
		e.permit.Cancel()
		e.permit = nil
	}
}
