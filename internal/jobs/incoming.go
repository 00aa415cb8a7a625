package jobs

import (
	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
)

// Incoming is a delivered message, read as a job. From here on the worker and
// the simulation know a message only by what this type says.
type Incoming struct {
	Decoded

	// Due: the message came on refunds.due, where only workers and operators
	// publish.
	Due bool
	// WakeUp: the message was made from the ledger, not by a producer. It brings
	// no customer values and never begins a refund.
	WakeUp bool
}

// Read reads a message that came on a subject of ch. Headers count on the due
// subjects alone: producers can set any header on a job, but cannot publish
// there.
func Read(ch channel.Channel, h nats.Header, data []byte, due bool) Incoming {
	if due && h.Get(HeaderWakeUp) != "" {
		return Incoming{Decoded: DecodeWakeUp(ch, data), Due: true, WakeUp: true}
	}
	return Incoming{Decoded: Decode(ch, data), Due: due}
}

// Same reports whether the message is of the job that was recorded.
func (in Incoming) Same(last *refund.Record) bool {
	rules := last.Rules
	if in.Due {
		rules = AnyRules
	}
	return in.Repeats(last.Fingerprint, rules)
}

// Delivered returns the event that the message is for a refund whose last record
// is last; the zero record stands for none.
func (in Incoming) Delivered(last *refund.Record) refund.Event {
	e := refund.Event{
		Kind:       refund.Delivered,
		Same:       in.Same(last),
		NoCustomer: in.CustomerTokenMissing,
		NotBefore:  refund.At(in.Job.NotBefore),
		Deadline:   refund.At(in.Job.Deadline),
	}
	switch {
	case in.WakeUp:
		e.Job = refund.WakeUp
	case last.V != 0 && e.Same:
		// The refund was accepted: what today's rules say of its job stops nothing.
	case in.Outcome == Invalid:
		e.Job = refund.InvalidJob
		e.Code = in.Problems.Code()
	}
	return e
}

// FirstRecord begins the history of a refund with what its job says. The caller
// adds whose ledger it is.
func (in Incoming) FirstRecord(enqueued refund.Time) refund.Record {
	return refund.Record{
		V:           refund.RecordVersion,
		Job:         in.Job.Recorded(),
		Fingerprint: in.Fingerprint().String(),
		Rules:       RulesVersion,
		EnqueuedAt:  enqueued,
	}
}

// Recorded returns what a record keeps of the job: all but the customer's values.
func (j Job) Recorded() refund.Job {
	return refund.Job{
		RefundID: j.RefundID, Channel: j.Channel, InvoiceNumber: j.InvoiceNumber, OriginalRequestID: j.OriginalRequestID,
		Amount: j.Amount, Currency: j.Currency, Reason: j.Reason,
		NotBefore: refund.At(j.NotBefore), Deadline: refund.At(j.Deadline), Metadata: j.Metadata,
	}
}

// FromRecord returns the job of a record: without the customer's values, which
// no record keeps.
func FromRecord(j refund.Job) Job {
	return Job{
		RefundID: j.RefundID, Channel: j.Channel, InvoiceNumber: j.InvoiceNumber, OriginalRequestID: j.OriginalRequestID,
		Amount: j.Amount, Currency: j.Currency, Reason: j.Reason,
		NotBefore: j.NotBefore.Time(), Deadline: j.Deadline.Time(), Metadata: j.Metadata,
	}
}
