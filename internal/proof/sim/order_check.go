package sim

import (
	"maps"
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

// checkRecord: what a person did names the person and the reason, and a job that
// is refused for what it says is told why.
func (w *world) checkRecord(a *account, r *refund.Record) {
	switch r.Code {
	case refund.CodeOperator, refund.CodeCancelled, refund.CodeBroughtForward:
		if r.Operator == "" || r.Because == "" {
			w.problem("%s: a person's record names no person or no reason: %+v", a.id, r)
		}
	case refund.CodeInvalidJob, refund.CodeCardNumber:
		if r.Note == "" {
			w.problem("%s: a refused job is not told why: %+v", a.id, r)
		}
	default:
	}
}

// checkSending compares a record that announces a send with the job, and keeps
// what it announces.
func (w *world) checkSending(a *account, r *refund.Record) {
	w.checkIdentity(a, r)
	a.announced = append(a.announced, announced{r.Identity, r.SendBy})
	if from := a.job.NotBefore; !from.IsZero() && w.now.Add(clockTolerance) < refund.At(from) {
		w.problem("%s: sent before its not_before", a.id)
	}
	// A process may stand still before it stores what it decided in time.
	if until := a.job.Deadline; !until.IsZero() && r.At >= refund.At(until) {
		w.problem("%s: sent after its deadline", a.id)
	}
}

// checkIdentity: identifiers are there and nobody else's. Of one refund they stay
// the same, but for the X-EXTERNAL-ID of a call that was refused.
func (w *world) checkIdentity(a *account, r *refund.Record) {
	ids := []string{r.Identity.RequestID}
	if a.channel != channel.CreditCard {
		ids = []string{r.Identity.PartnerRefundNo, r.Identity.ExternalID}
	}
	for _, id := range ids {
		if owner := w.owners[id]; id == "" || owner != nil && owner != a {
			w.problem("%s: identifier %q is missing or another refund's", a.id, id)
		}
		w.owners[id] = a
	}
	if len(a.announced) == 0 {
		return
	}
	before := a.announced[len(a.announced)-1].identity
	fresh := before.ExternalID != r.Identity.ExternalID
	before.ExternalID = r.Identity.ExternalID
	if before != r.Identity || fresh != (a.channel != channel.CreditCard && r.FirstUnknown == 0) {
		w.problem("%s: sent again under other identifiers, or under one that was refused: %+v", a.id, r.Identity)
	}
}

// checkOrder compares a refund call or an inquiry with the job and with the
// records.
func (w *world) checkOrder(a *account, o doku.Order, inquiry bool) {
	if o.Channel != a.channel || !a.asksFor(o.InvoiceNumber, o.OriginalRequestID, o.Amount) {
		w.problem("%s: DOKU was sent another refund: %s, %s, %d rupiah", a.id, o.InvoiceNumber, o.OriginalRequestID, o.Amount)
	}
	if c := jobs.Customer(o.Customer); !inquiry && !a.published(c) {
		w.problem("%s: DOKU was sent customer values that nobody published", a.id)
	}
	if !inquiry && o.Reason != a.job.Reason {
		w.problem("%s: DOKU was sent another reason, %q", a.id, o.Reason)
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

// published reports whether these are values of a message. One that was made from
// the ledger has none, and makes no call that requires some.
func (a *account) published(c jobs.Customer) bool {
	if c == (jobs.Customer{}) {
		return a.channel.Facts().CustomerToken != channel.Required
	}
	return slices.Contains(a.customers, c)
}

// checkResult compares a result with the job, its record and what was sent. Of a
// job that was rejected, not every field is known.
func (w *world) checkResult(a *account, last *refund.Record, r jobs.Result) {
	rejected := r.Status == refund.Rejected
	// An operator may cancel a refund before its job is looked at.
	dated := slices.Contains(a.enqueued, refund.At(r.EnqueuedAt)) || rejected && r.EnqueuedAt.IsZero()
	for _, c := range []struct {
		problem string
		sound   bool
	}{
		{"of another refund", r.RefundID == a.id && r.Channel == a.channel && (rejected || a.asksFor(r.InvoiceNumber, r.OriginalRequestID, r.Amount))},
		{"of another currency, environment or status", (rejected || r.Currency == jobs.Currency) && r.Environment == "simulator" && r.Status == last.State},
		{"proven or explained wrongly", soundly(r)},
		{"of other metadata", rejected || maps.Equal(r.Metadata, a.job.Metadata)},
		{"dated wrongly", dated && refund.At(r.CompletedAt) == last.At},
		{"wrong about what was sent", int(r.Attempts) == len(a.announced) && a.names(r)},
	} {
		if !c.sound {
			w.problem("%s: its result is %s: %+v", a.id, c.problem, r)
		}
	}
}

// soundly reports whether a result has proof and error as its status wants them.
func soundly(r jobs.Result) bool {
	proven, failed := r.Evidence != "", r.Error.Code != ""
	switch {
	case r.Status == refund.Succeeded:
		return proven && !failed
	case r.Error.Source == jobs.SourceDOKU:
		return failed && r.Error.HTTPStatus != 0
	}
	return failed && (r.Status != refund.Rejected || !proven)
}

// names reports whether a result names the identifiers that were sent last.
func (a *account) names(r jobs.Result) bool {
	if len(a.announced) == 0 {
		return true
	}
	sent := a.announced[len(a.announced)-1].identity
	if a.channel != channel.CreditCard {
		sent.RequestID = sent.ExternalID
	}
	return r.RequestID == sent.RequestID && r.PartnerRefundNo == sent.PartnerRefundNo
}

// checkConflict: two jobs under one identifier are one refund and a dead letter,
// and a repeat of the same job is not a dead letter.
func (w *world) checkConflict(a *account) {
	// One that was cancelled before its job came is every job's.
	if a.otherAmount && a.last.record.Fingerprint != "" && a.deadLetter == nil {
		w.problem("%s: another job under its identifier became no dead letter", a.id)
	}
	if !a.otherAmount && !a.spoilt && a.deadLetter != nil {
		w.problem("%s: its own job became a dead letter", a.id)
	}
}
