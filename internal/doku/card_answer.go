package doku

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// cardAnswer is what is read of the answer to a refund (seed 1).
type cardAnswer struct {
	Order struct {
		InvoiceNumber string `json:"invoice_number"`
	} `json:"order"`
	Payment struct {
		OriginalRequestID string `json:"original_request_id"`
	} `json:"payment"`
	Refund struct {
		Amount       rupiah `json:"amount"`
		Type         string `json:"type"`
		Status       string `json:"status"`
		Message      string `json:"message"`
		ApprovalCode string `json:"approval_code"`
	} `json:"refund"`
	Error cardError `json:"error"`
}

// cardError is the member error: an object, or in a 500 a mere string
// (doku-api.md §1).
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
		Code    string `json:"code"`
		Message string `json:"message"`
		Type    string `json:"type"`
	}
	if err := json.UnmarshalDecode(d, &members); err != nil {
		return err
	}
	e.code, e.message, e.kind = members.Code, members.Message, members.Type
	return nil
}

// What refund.status says (seed 1).
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

// cardRow is one row of the table of refusals; the first that fits decides.
type cardRow struct {
	statuses []int    // nil: any
	codes    []string // nil: any, and none as well
	coded    bool     // there must be a code
	class    Class
	cause    Cause
	why      string
}

// cardRows is the table of doku-api.md §1 below the rows that speak of a refund
// object. What stands nowhere here is unknown.
var cardRows = []cardRow{
	{
		codes: []string{"invalid_signature", "invalid_token", "merchant_not_active"},
		class: NotExecuted, cause: Credentials, why: "credentials refused",
	},
	{statuses: []int{http.StatusUnauthorized}, class: NotExecuted, cause: Credentials, why: "credentials refused"},
	{statuses: []int{http.StatusTooManyRequests}, class: NotExecuted, cause: Throttled, why: "too many requests"},
	{codes: []string{"too_many_requests"}, class: NotExecuted, cause: Throttled, why: "too many requests"},
	{
		statuses: []int{http.StatusServiceUnavailable}, codes: []string{"maintenance_mode"},
		class: NotExecuted, cause: Unavailable, why: "maintenance",
	},
	{
		statuses: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity}, coded: true,
		class: Failed, why: "refused",
	},
}

func (r cardRow) fits(status int, code string) bool {
	return (r.statuses == nil || slices.Contains(r.statuses, status)) &&
		(r.codes == nil || slices.Contains(r.codes, strings.ToLower(code))) &&
		(!r.coded || code != "")
}

// classifyCard says what the answer to a card refund proves (doku-api.md §1).
func classifyCard(o Order, r reply, s seal) Verdict {
	if v, ok := r.undelivered(); ok {
		return v
	}
	var a cardAnswer
	v := a.judge(o, r, s)
	v.RetryAfter = r.retryAfter()
	if v.Class != Unknown && v.Evidence == "" {
		v.Evidence = ByResponse
	}
	return v
}

func (a *cardAnswer) judge(o Order, r reply, s seal) Verdict {
	bare := Said{HTTPStatus: r.status}
	if r.status < 200 || r.status >= 300 && r.status < 400 {
		return Verdict{Said: bare, Problem: "not a final answer"}
	}
	if err := r.decode(a); err != nil {
		return brokenCard(r, err)
	}
	if s == sealWrong {
		return a.wrongSeal(r)
	}
	said := a.said(r.status)
	if fields := a.others(o); len(fields) > 0 {
		return Verdict{Said: said, Cause: collision(r), Mismatches: fields, Problem: "the answer speaks of another refund"}
	}
	v := a.ours(o, r, s)
	v.Said = said
	return v
}

// brokenCard: a few statuses decide without a body.
func brokenCard(r reply, err error) Verdict {
	v := byStatus(r.status)
	if v.Class == Unknown {
		v.Problem = err.Error()
		if r.fault == whole { // a 409 cut short may have been a replay: worth asking
			v.Cause = collision(r)
		}
	}
	v.Said = Said{HTTPStatus: r.status}
	return v
}

// wrongSeal believes nothing that the body says, but for what a wrong key of
// ours looks like: then DOKU's own signatures look wrong to us as well.
func (a *cardAnswer) wrongSeal(r reply) Verdict {
	v := byStatus(r.status)
	if v.Class == Unknown && strings.EqualFold(a.Error.code, "invalid_signature") && a.Refund.Status == "" {
		v = byCode(0, a.Error.code)
	}
	if v.Class == Unknown || a.Refund.Status != "" {
		v = Verdict{Cause: collision(r), Problem: "the answer's signature is wrong"}
	}
	v.Said = Said{HTTPStatus: r.status}
	return v
}

// ours judges an answer that is not somebody else's.
func (a *cardAnswer) ours(o Order, r reply, s seal) Verdict {
	switch {
	case r.status == http.StatusConflict && !a.names(o):
		return Verdict{Cause: Collision, Problem: "409 without the stored answer to our request"}
	case r.status == http.StatusConflict:
		v := a.outcome(r.status)
		if v.Class != Unknown {
			v.Evidence = ByReplay
		}
		return v
	case s == sealAbsent && a.Refund.Status == cardFailed && !r.ok():
		return byCode(r.status, a.Error.code) // the word FAILED is not believed unsigned, a refusal by code is
	case s == sealAbsent && a.Refund.Status != "":
		return Verdict{Problem: "the answer's signature is missing"}
	default:
		return a.outcome(r.status)
	}
}

// outcome reads refund.status, or else the table.
func (a *cardAnswer) outcome(status int) Verdict {
	switch {
	case a.Refund.Status == cardSuccess && !a.Error.present:
		return Verdict{Class: Succeeded, Problem: "status SUCCESS"}
	case a.Refund.Status == cardSuccess:
		return Verdict{Problem: "SUCCESS with an error"}
	case a.Refund.Status == cardFailed:
		return Verdict{Class: Failed, Problem: "status FAILED"}
	case a.Refund.Status != "":
		return Verdict{Problem: "unknown refund.status"}
	default:
		return byCode(status, a.Error.code)
	}
}

// byCode looks the refusal up.
func byCode(status int, code string) Verdict {
	for _, row := range cardRows {
		if row.fits(status, code) {
			return Verdict{Class: row.class, Cause: row.cause, Problem: row.why}
		}
	}
	return Verdict{Problem: "the answer proves nothing"}
}

// byStatus looks up what a status alone decides.
func byStatus(status int) Verdict { return byCode(status, "") }

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

func (a *cardAnswer) said(status int) Said {
	return Said{
		HTTPStatus: status, Code: a.Error.code, Message: a.Refund.Message, ErrorMessage: a.Error.message,
		Type: a.Error.kind, RefundType: a.Refund.Type, ApprovalCode: a.Refund.ApprovalCode,
	}
}
