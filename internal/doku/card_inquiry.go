package doku

import (
	"net/http"
	"slices"

	"refundworker.example/refundworker/internal/refund"
)

// cardStatus is what is read of the answer to a status inquiry.
type cardStatus struct {
	Order struct {
		InvoiceNumber string `json:"invoice_number"`
	} `json:"order"`
	Transaction struct {
		Status string `json:"status"`
	} `json:"transaction"`
	CardPayment struct {
		RequestID string `json:"request_id"`
		Status    string `json:"transaction_status"`
	} `json:"card_payment"`
	Refund struct {
		Amount rupiah `json:"amount"`
	} `json:"refund"`
	Error cardError `json:"error"`
}

// What transaction.status says of a whole amount that was given back before
// settlement.
const cardVoided = "VOIDED"

// cardFinding is what an answer that names our Request-Id proves, by
// transaction.status.
type cardFinding struct {
	finding refund.Finding
	agrees  string // what card_payment.transaction_status must say: the order's status is not this request's
	full    bool   // that status and our amount must both be there
}

// cardFindings: under any other status the refund still runs.
var cardFindings = map[string]cardFinding{
	"REFUNDED": {finding: refund.FoundSuccess, agrees: cardSuccess},
	cardVoided: {finding: refund.FoundSuccess, agrees: cardSuccess},
	cardFailed: {finding: refund.FoundFailure, agrees: cardFailed},
	// One of the three spellings may be DOKU's. They may also speak of the order,
	// of which another refund gave back a part.
	"PARTIAL_REFUND":     {finding: refund.FoundSuccess, agrees: cardSuccess, full: true},
	"PARTIAL_REFUNDED":   {finding: refund.FoundSuccess, agrees: cardSuccess, full: true},
	"PARTIALLY_REFUNDED": {finding: refund.FoundSuccess, agrees: cardSuccess, full: true},
}

// paymentStatuses are those of a payment. Only they say that the invoice shows
// the payment, and not a refund.
var paymentStatuses = []string{"PENDING", cardSuccess, cardFailed, "EXPIRED", "TIMEOUT", "REDIRECT"}

// findCard says what the answer to a card inquiry proves. further are definite
// codes of the merchant's settings.
func findCard(o Order, r reply, s signatureStatus, further ...string) InquiryOutcome {
	if i, ok := r.withoutAnswer(); ok {
		return i
	}
	var a cardStatus
	i := a.find(o, r, s, further)
	i.RetryAfter = r.retryAfter()
	i.Response.HTTPStatus = r.status
	return i.finished(r.status)
}

// finished adds what follows from the status.
func (o InquiryOutcome) finished(status int) InquiryOutcome {
	if o.Finding == refund.NoAnswer && o.Cause == Plain && status >= http.StatusInternalServerError {
		o.Cause = Failing
	}
	return o
}

func (a *cardStatus) find(o Order, r reply, s signatureStatus, further []string) InquiryOutcome {
	if err := r.decode(a); err != nil {
		return InquiryOutcome{Cause: byStatus(r.status).Cause, Problem: err.Error()}
	}
	if s == signatureWrong {
		return InquiryOutcome{Cause: byStatus(r.status).Cause, Problem: "the answer's signature is wrong"}
	}
	i := a.classify(o, r, further)
	i.Response.Code, i.Response.ErrorMessage, i.Response.Type = a.Error.code, a.Error.message, a.Error.kind
	return i
}

func (a *cardStatus) classify(o Order, r reply, further []string) InquiryOutcome {
	switch {
	case r.status == http.StatusNotFound && a.missing():
		return InquiryOutcome{Finding: refund.NotFound, Problem: "not found"}
	case !r.ok() || a.CardPayment.RequestID == "" && a.Transaction.Status == "":
		v := byCode(r.status, a.Error.code, further...)
		return InquiryOutcome{Cause: v.Cause, Unlisted: v.Unlisted, Problem: "no answer to the question"}
	case a.CardPayment.RequestID == o.RequestID:
		return a.ours(o)
	default:
		return a.another(o)
	}
}

// missing reports whether the answer says that there is no such request, and
// shows none.
func (a *cardStatus) missing() bool {
	return listed(notFoundCodes, a.Error.code) && a.CardPayment.RequestID == "" && a.Transaction.Status == ""
}

// ours judges an answer that names our Request-Id.
func (a *cardStatus) ours(o Order) InquiryOutcome {
	if a.Order.InvoiceNumber != "" && a.Order.InvoiceNumber != o.InvoiceNumber || a.Refund.Amount.differs(o.Amount) {
		return InquiryOutcome{Finding: refund.Contradiction, Problem: "our request id with another amount or invoice"}
	}
	found, ok := cardFindings[a.Transaction.Status]
	switch {
	case !ok:
		return InquiryOutcome{Finding: refund.FoundRunning, Problem: "our refund has not ended"}
	case found.finding == refund.FoundSuccess && a.Error.present:
		return InquiryOutcome{Problem: "a success with an error"}
	case a.CardPayment.Status != found.agrees && (a.CardPayment.Status != "" || found.full):
		return InquiryOutcome{Problem: "transaction.status and card_payment.transaction_status do not agree"}
	case found.full && !a.Refund.Amount.is(o.Amount):
		return InquiryOutcome{Problem: "a part was refunded, and not plainly ours"}
	}
	i := InquiryOutcome{Finding: found.finding, Problem: "transaction.status " + a.Transaction.Status}
	if a.Transaction.Status == cardVoided {
		i.Response.RefundType = "VOID"
	}
	return i
}

// another judges an answer that does not name our Request-Id. It says "not
// there" only if it is plainly about our invoice and its payment: what is left
// out might be us.
func (a *cardStatus) another(o Order) InquiryOutcome {
	if a.Order.InvoiceNumber == o.InvoiceNumber && a.CardPayment.RequestID != "" && !a.Error.present &&
		slices.Contains(paymentStatuses, a.Transaction.Status) &&
		(a.CardPayment.Status == "" || slices.Contains(paymentStatuses, a.CardPayment.Status)) {
		return InquiryOutcome{Finding: refund.NotFound, Problem: "the invoice shows another request"}
	}
	return InquiryOutcome{Problem: "the answer proves nothing"}
}
