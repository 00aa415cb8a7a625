package doku

import (
	"net/http"
	"strings"
)

// cardStatus is what is read of the answer to a status inquiry (doku-api.md §1).
type cardStatus struct {
	Order struct {
		InvoiceNumber string `json:"invoice_number"`
	} `json:"order"`
	Transaction struct {
		Status string `json:"status"`
	} `json:"transaction"`
	CardPayment struct {
		RequestID string `json:"request_id"`
	} `json:"card_payment"`
	Refund struct {
		Amount rupiah `json:"amount"`
	} `json:"refund"`
	Error cardError `json:"error"`
}

// findings by transaction.status, of an answer that names our Request-Id; any
// other status is a refund that still runs (doku-api.md §5).
var cardFindings = map[string]Finding{
	"REFUNDED": FoundSuccess,
	"VOIDED":   FoundSuccess,
	"FAILED":   FoundFailure,
}

// findCard says what the answer to a card inquiry proves (doku-api.md §5).
func findCard(o Order, r reply, s seal) Inquiry {
	if i, ok := r.unheard(); ok {
		return i
	}
	var a cardStatus
	i := a.find(o, r, s)
	i.RetryAfter = r.retryAfter()
	i.Said.HTTPStatus = r.status
	return i
}

func (a *cardStatus) find(o Order, r reply, s seal) Inquiry {
	if err := r.decode(a); err != nil {
		return Inquiry{Cause: byStatus(r.status).Cause, Problem: err.Error()}
	}
	if s == sealWrong {
		return Inquiry{Cause: byStatus(r.status).Cause, Problem: "the answer's signature is wrong"}
	}
	i := a.judge(o, r)
	i.Said = Said{Code: a.Error.code, ErrorMessage: a.Error.message, Type: a.Error.kind}
	return i
}

func (a *cardStatus) judge(o Order, r reply) Inquiry {
	found := a.CardPayment.RequestID == o.RequestID
	switch {
	case r.status == http.StatusNotFound && a.Error.object && !found:
		return Inquiry{Finding: NotFound, Problem: "not found"}
	case !r.ok():
		return Inquiry{Cause: byCode(r.status, a.Error.code).Cause, Problem: "no answer to the question"}
	case found:
		return a.ours(o)
	default:
		return a.another(o)
	}
}

// ours judges an answer that names our Request-Id.
func (a *cardStatus) ours(o Order) Inquiry {
	if a.Order.InvoiceNumber != "" && a.Order.InvoiceNumber != o.InvoiceNumber || a.Refund.Amount.differs(o.Amount) {
		return Inquiry{Finding: Contradiction, Problem: "our request id with another amount or invoice"}
	}
	finding, ok := cardFindings[a.Transaction.Status]
	switch {
	case !ok:
		return Inquiry{Finding: FoundRunning, Problem: "our refund has not ended"}
	case finding == FoundSuccess && a.Error.present:
		return Inquiry{Problem: "a success with an error"}
	default:
		return Inquiry{Finding: finding, Problem: "transaction.status " + a.Transaction.Status}
	}
}

// another judges an answer that does not name our Request-Id. It says "not
// there" only if it is plainly about our invoice and another request: what is
// left out might be us.
func (a *cardStatus) another(o Order) Inquiry {
	plain := a.Order.InvoiceNumber == o.InvoiceNumber && a.CardPayment.RequestID != "" &&
		a.Transaction.Status != "" && !a.Error.present
	_, final := cardFindings[strings.ToUpper(a.Transaction.Status)]
	failed := strings.EqualFold(a.Transaction.Status, "FAILED")
	if plain && (!final || failed) {
		return Inquiry{Finding: NotFound, Problem: "the invoice shows another request"}
	}
	return Inquiry{Problem: "the answer proves nothing"}
}
