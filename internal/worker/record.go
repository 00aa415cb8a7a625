package worker

import (
	"fmt"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// next builds the record to append.
func (h *execution) next() refund.Record {
	event := h.machine.Event()
	r := h.entry.Record
	if r.V == 0 {
		r = h.first()
	}
	r.Core = h.machine.Next()
	r.Prev = h.entry.Seq
	r.At = refund.At(h.now)
	r.By = h.stamp()
	r.Evidence = Evidence(h.machine.Proof(), event)
	r.Note = h.problem
	r.Operator, r.Because = "", "" // who decided before has not decided this
	if event.Kind != refund.Delivered && h.response != nil {
		r.Response = h.response
	}
	if event.Job == refund.InvalidJob {
		r.Note = h.job.Problems.String()
		return r
	}
	r.Identify()
	return r
}

// first begins the refund's history with what the job says.
func (h *execution) first() refund.Record {
	j := h.job.Job
	return refund.Record{
		V:           refund.RecordVersion,
		ClientID:    h.cfg.ClientID,
		Environment: h.cfg.Environment,
		Job: refund.Job{
			RefundID: j.RefundID, Channel: j.Channel, InvoiceNumber: j.InvoiceNumber,
			OriginalRequestID: j.OriginalRequestID, Amount: j.Amount, Currency: j.Currency, Reason: j.Reason,
			NotBefore: refund.At(j.NotBefore), Deadline: refund.At(j.Deadline), Metadata: j.Metadata,
		},
		Fingerprint: h.job.Fingerprint().String(),
		Rules:       jobs.RulesVersion,
		EnqueuedAt:  refund.At(h.d.Stored),
		Traceparent: jobs.TraceParent(h.d.Header),
	}
}

// Evidence names how a settled refund was proven.
func Evidence(proof bool, event refund.Event) refund.Evidence {
	switch {
	case !proof:
		return ""
	case event.Kind == refund.InquiryEnded:
		return refund.ByInquiry
	case event.Replay:
		return refund.ByReplay
	}
	return refund.ByResponse
}

// stamp makes every record of every process different from all others.
func (w *Worker) stamp() string { return fmt.Sprintf("%s-%d", w.cfg.Instance, w.stamps.Add(1)) }

// recorded tells metrics and log what now stands in the ledger.
func (h *execution) recorded() {
	r := &h.entry.Record
	ch, state := string(h.channel), r.State.String()
	attrs := []any{"refund_id", h.id(), "state", state, "attempt", r.Sends}
	if r.Response != nil {
		attrs = append(attrs, "code", r.Response.Code)
	}
	switch r.State {
	case refund.Waiting, refund.Unknown:
		if r.Sends > 0 {
			h.cfg.Metrics.RetriesScheduled.WithLabelValues(ch).Inc()
		}
		h.log.Info("refund waits", append(attrs, "why", r.Code.String(), "due", r.Due.Time(), "problem", r.Note)...)
	case refund.Sending:
		h.log.Debug("refund announced", attrs...)
	default:
		age := r.At.Time().Sub(r.EnqueuedAt.Time())
		h.cfg.Metrics.Results.WithLabelValues(ch, state).Inc()
		h.cfg.Metrics.Amount.WithLabelValues(ch, state).Add(float64(r.Job.Amount))
		h.cfg.Metrics.EndToEnd.WithLabelValues(ch, state).Observe(age.Seconds())
		attrs = append(attrs, "why", r.Code.String(), "evidence", string(r.Evidence), "duration", age)
		if r.State == refund.Unresolved {
			h.log.Error("refund unresolved: a person must settle it", attrs...)
			return
		}
		h.log.Info("refund settled", attrs...)
	}
}
