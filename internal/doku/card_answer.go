package doku

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"refundworker.example/refundworker/internal/refund"
)

// cardAnswer is what is read of the answer to a refund (DOKU's card document).
type cardAnswer struct {
	Order struct {
		InvoiceNumber string `json:"invoice_number"`
	} `json:"order"`
	Payment struct {
		OriginalRequestID string `json:"original_request_id"`
	} `json:"payment"`
	Refund struct {
		Amount       rupiah      `json:"amount"`
		Type         string      `json:"type"`
		Status       string      `json:"status"`
		Message      messageText `json:"message"`
		ApprovalCode string      `json:"approval_code"`
		Error        filled      `json:"error"`
	} `json:"refund"`
	Error  cardError `json:"error"`
	Errors filled    `json:"errors"`
}

// cardError is the member error: an object, or in a 500 a mere string.
type cardError struct {
	present, object     bool
	code, message, kind string
}

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (e *cardError) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*e = cardError{present: d.PeekKind() != 'n', object: d.PeekKind() == '{'}
	if !e.object {
		return d.SkipValue()
	}
	var members struct {
		Code    string      `json:"code"`
		Message messageText `json:"message"`
		Type    string      `json:"type"`
	}
	if err := json.UnmarshalDecode(d, &members); err != nil {
		return err
	}
	e.code, e.message, e.kind = members.Code, string(members.Message), members.Type
	return nil
}

// What refund.status says (DOKU's card document).
const (
	cardSuccess = "SUCCESS"
	cardFailed  = "FAILED"
)

// Names of answer fields that were present and not ours.
const (
	fieldInvoice         = "order.invoice_number"
	fieldOriginalRequest = "payment.original_request_id"
	fieldAmount          = "refund.amount"
)

// classifyCard says what the answer to a card refund proves. further are definite
// codes of the merchant's settings.
func classifyCard(o Order, r reply, s signatureStatus, further ...string) RefundOutcome {
	if v, ok := r.undelivered(); ok {
		return v
	}
	var a cardAnswer
	v := a.classify(o, r, s, further)
	v.RetryAfter = r.retryAfter()
	return v.finished(r.status)
}

// finished adds what follows from class and status.
func (o RefundOutcome) finished(status int) RefundOutcome {
	switch {
	case o.Class != Unknown && o.Evidence == "":
		o.Evidence = refund.ByResponse
	case o.Class == Unknown && o.Cause == Plain && status >= http.StatusInternalServerError:
		o.Cause = Failing
	}
	return o
}

func (a *cardAnswer) classify(o Order, r reply, s signatureStatus, further []string) RefundOutcome {
	bare := refund.Response{HTTPStatus: r.status}
	if !r.final() {
		return RefundOutcome{Response: bare, Cause: Failing, Problem: "not a final answer"}
	}
	if err := r.decode(a); err != nil {
		return brokenCard(r, err)
	}
	if s == signatureWrong {
		return a.wrongSignature(r)
	}
	v := a.withoutSignature(o, r, s, further)
	v.Response = a.response(r.status)
	return v
}

// withoutSignature judges an answer that could be read, and whose signature is right or
// absent.
func (a *cardAnswer) withoutSignature(o Order, r reply, s signatureStatus, further []string) RefundOutcome {
	fields := a.others(o)
	switch {
	case listed(idempotencyCodes, a.Error.code):
		return a.usedBefore(o, r, fields)
	case len(fields) > 0:
		return RefundOutcome{Cause: collision(r), Mismatches: fields, Problem: "the answer speaks of another refund"}
	default:
		return a.ours(o, r, s, further)
	}
}

// usedBefore: DOKU has seen the Request-Id before. A 409 may carry what it
// answered then; beside this code, nobody can tell whether SUCCESS or FAILED
// means the first request or its repeat.
func (a *cardAnswer) usedBefore(o Order, r reply, fields []string) RefundOutcome {
	if r.status == http.StatusConflict && a.names(o) && a.Refund.Status != "" {
		return RefundOutcome{Problem: "the stored answer to our request, with an error of its repeat"}
	}
	return RefundOutcome{Cause: Collision, Mismatches: fields, Problem: "the request id was used before"}
}

// brokenCard: a few statuses decide without a body.
func brokenCard(r reply, err error) RefundOutcome {
	v := byStatus(r.status)
	switch {
	case r.garbled():
		v = RefundOutcome{Cause: Failing, Problem: err.Error()}
	case v.Class == Unknown:
		v.Problem = err.Error()
		if r.fault == whole && r.status == http.StatusConflict { // one cut short may have been a replay: worth asking
			v.Cause = Collision
		}
	}
	v.Response = refund.Response{HTTPStatus: r.status}
	return v
}

// wrongSignature believes nothing that the body says, but for what a wrong key of
// ours looks like: then DOKU's own signatures look wrong to us as well.
func (a *cardAnswer) wrongSignature(r reply) RefundOutcome {
	var v RefundOutcome
	denied := r.status == http.StatusUnauthorized && !listed(idempotencyCodes, a.Error.code)
	if a.Refund.Status == "" && (denied || strings.EqualFold(a.Error.code, "invalid_signature")) {
		v = byCode(r.status, a.Error.code)
	}
	if v.Class == Unknown {
		v = RefundOutcome{Cause: Failing, Problem: "the answer's signature is wrong"}
		if r.status == http.StatusConflict {
			v.Cause = Collision
		}
	}
	v.Response = refund.Response{HTTPStatus: r.status}
	return v
}

// ours judges an answer that is not somebody else's.
func (a *cardAnswer) ours(o Order, r reply, s signatureStatus, further []string) RefundOutcome {
	switch {
	case r.status == http.StatusConflict && !a.names(o):
		return RefundOutcome{Cause: Collision, Problem: "409 without the stored answer to our request"}
	case r.status == http.StatusConflict:
		v := a.outcome(r.status, further)
		if v.Class != Unknown {
			v.Evidence = refund.ByReplay
		}
		return v
	case s == signatureAbsent && a.Refund.Status == cardFailed && !r.ok():
		return byCode(r.status, a.Error.code, further...) // the word FAILED is not believed unsigned, a refusal by code is
	case s == signatureAbsent && a.Refund.Status != "":
		return RefundOutcome{Problem: "the answer's signature is missing"}
	default:
		return a.outcome(r.status, further)
	}
}

// outcome reads refund.status, or else the table.
func (a *cardAnswer) outcome(status int, further []string) RefundOutcome {
	switch {
	case a.Refund.Status == cardSuccess && !a.faulty():
		return RefundOutcome{Class: Succeeded, Problem: "status SUCCESS"}
	case a.Refund.Status == cardSuccess:
		return RefundOutcome{Problem: "SUCCESS with an error"}
	case a.Refund.Status == cardFailed:
		return RefundOutcome{Class: Failed, Problem: "status FAILED"}
	case a.Refund.Status != "":
		return RefundOutcome{Problem: "unknown refund.status"}
	default:
		return byCode(status, a.Error.code, further...)
	}
}

// faulty reports whether the answer holds an error, wherever it stands.
func (a *cardAnswer) faulty() bool {
	return a.Error.present || bool(a.Refund.Error) || bool(a.Errors)
}

func collision(r reply) Cause {
	if r.status == http.StatusConflict {
		return Collision
	}
	return Plain
}

// names reports whether the answer holds all that identifies our request.
func (a *cardAnswer) names(o Order) bool {
	return a.Order.InvoiceNumber == o.InvoiceNumber &&
		a.Payment.OriginalRequestID == o.OriginalRequestID && a.Refund.Amount.is(o.Amount)
}

// others lists the fields that are present and not ours.
func (a *cardAnswer) others(o Order) []string {
	var fields []string
	if a.Order.InvoiceNumber != "" && a.Order.InvoiceNumber != o.InvoiceNumber {
		fields = append(fields, fieldInvoice)
	}
	if a.Payment.OriginalRequestID != "" && a.Payment.OriginalRequestID != o.OriginalRequestID {
		fields = append(fields, fieldOriginalRequest)
	}
	if a.Refund.Amount.differs(o.Amount) {
		fields = append(fields, fieldAmount)
	}
	return fields
}

func (a *cardAnswer) response(status int) refund.Response {
	return refund.Response{
		HTTPStatus: status, Code: a.Error.code, Message: string(a.Refund.Message), ErrorMessage: a.Error.message,
		Type: a.Error.kind, RefundType: a.Refund.Type, ApprovalCode: a.Refund.ApprovalCode,
	}
}
