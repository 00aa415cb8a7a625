package worker

import (
	"fmt"

	"refundworker.example/refundworker/internal/refund"
)

// stamp makes every record of every process different from all others.
func (w *Worker) stamp() string { return fmt.Sprintf("%s-%d", w.cfg.Instance, w.stamps.Add(1)) }

// recorded reports the record that was stored in metrics and log.
func (e *execution) recorded() {
	r := &e.entry.Record
	ch, state := string(e.channel), r.State.String()
	attrs := []any{"refund_id", e.id(), "state", state, "attempt", r.Sends}
	if r.Response != nil {
		attrs = append(attrs, "code", r.Response.Code)
	}
	switch r.State {
	case refund.Waiting, refund.Unknown:
		if r.Sends > 0 {
			e.cfg.Metrics.RetriesScheduled.WithLabelValues(ch).Inc()
		}
		e.log.Info("refund waits", append(attrs, "why", r.Code.String(), "due", r.Due.Time(), "problem", r.Note)...)
	case refund.Sending:
		e.log.Debug("refund will be sent", attrs...)
	default:
		e.settled(r, append(attrs, "why", r.Code.String(), "evidence", string(r.Evidence)))
	}
}

func (e *execution) settled(r *refund.Record, attrs []any) {
	ch, state := string(e.channel), r.State.String()
	age := r.At.Time().Sub(r.EnqueuedAt.Time())
	e.cfg.Metrics.Results.WithLabelValues(ch, state).Inc()
	e.cfg.Metrics.Amount.WithLabelValues(ch, state).Add(float64(r.Job.Amount))
	e.cfg.Metrics.EndToEnd.WithLabelValues(ch, state).Observe(age.Seconds())
	attrs = append(attrs, "duration", age)
	if r.State == refund.Unresolved {
		e.log.Error("refund unresolved: a person must settle it", attrs...)
		return
	}
	e.log.Info("refund settled", attrs...)
}
