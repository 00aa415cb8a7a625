package sim

import (
	"slices"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// A record, an order and a result are built by the product itself. Here they are
// compared with what the order system published, and with each other.

// clockTolerance is how far from the truth a worker that is sure of its clock can
// be: twice what it allows itself, for the server's clock decides as well.
const clockTolerance = 20 * time.Second

// announced is a send that a stored record announces.
type announced struct {
	identity refund.Identity
	sendBy   refund.Time
}

// checkSending compares a record that announces a send with the job, and keeps
// what it announces.
func (w *world) checkSending(a *account, r *refund.Record) {
	a.announced = append(a.announced, announced{r.Identity, r.SendBy})
	if from := a.job.NotBefore; !from.IsZero() && w.now.Add(clockTolerance) < refund.At(from) {
		w.problem("%s: sent before its not_before", a.id)
	}
	// A process may stand still before it stores what it decided in time.
	if until := a.job.Deadline; !until.IsZero() && r.At >= refund.At(until) {
		w.problem("%s: sent after its deadline", a.id)
	}
}

// checkOrder compares a refund call or an inquiry with the job and with the
// records.
func (w *world) checkOrder(a *account, o doku.Order, inquiry bool) {
	if o.Channel != a.channel || !a.asksFor(o.InvoiceNumber, o.OriginalRequestID, o.Amount) {
		w.problem("%s: DOKU was sent another refund: %s, %s, %d rupiah", a.id, o.InvoiceNumber, o.OriginalRequestID, o.Amount)
	}
	// A message that was made from the ledger has no customer values.
	if c := jobs.Customer(o.Customer); !inquiry && c != (jobs.Customer{}) && !slices.Contains(a.customers, c) {
		w.problem("%s: DOKU was sent customer values that nobody published", a.id)
	}
	sent := announced{refund.Identity{RequestID: o.RequestID, ExternalID: o.ExternalID, PartnerRefundNo: o.PartnerRefundNo}, refund.At(o.SendBy)}
	if !slices.ContainsFunc(a.announced, func(s announced) bool {
		return s == sent || inquiry && s.identity.RequestID == o.RequestID && s.identity.PartnerRefundNo == o.PartnerRefundNo
	}) {
		w.problem("%s: DOKU was sent what no record announces: %+v", a.id, sent)
	}
}

// asksFor reports whether the values are those of a job that was published.
func (a *account) asksFor(invoice, original string, amount int64) bool {
	return invoice == a.job.InvoiceNumber && original == a.job.OriginalRequestID &&
		(amount == a.job.Amount || a.otherAmount && amount == a.job.Amount+1)
}

// checkResult compares a result with the job and with what was sent. Of a job
// that was rejected, not every field is known.
func (w *world) checkResult(a *account, r jobs.Result) {
	if r.RefundID != a.id || r.Channel != a.channel ||
		r.Status != refund.Rejected && !a.asksFor(r.InvoiceNumber, r.OriginalRequestID, r.Amount) {
		w.problem("%s: its result is of another refund: %+v", a.id, r)
	}
	if r.Attempts == 0 || len(a.announced) == 0 {
		return
	}
	sent := a.announced[len(a.announced)-1].identity
	if a.channel != channel.CreditCard {
		sent.RequestID = sent.ExternalID
	}
	if r.RequestID != sent.RequestID || r.PartnerRefundNo != sent.PartnerRefundNo {
		w.problem("%s: its result names other identifiers than were sent: %s, %s", a.id, r.RequestID, r.PartnerRefundNo)
	}
}

// checkConflict: two jobs under one identifier are one refund and a dead letter.
func (w *world) checkConflict(a *account) {
	if a.otherAmount && len(a.states) > 0 && a.deadLetter == nil {
		w.problem("%s: another job under its identifier became no dead letter", a.id)
	}
}
