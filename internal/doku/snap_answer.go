package doku

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// snapAnswer is what is read of the answer to a refund (doku-api.md §2).
type snapAnswer struct {
	ResponseCode               snapCode  `json:"responseCode"`
	ResponseMessage            string    `json:"responseMessage"`
	RefundAmount               snapMoney `json:"refundAmount"`
	OriginalPartnerReferenceNo string    `json:"originalPartnerReferenceNo"`
	OriginalReferenceNo        string    `json:"originalReferenceNo"`
	RefundNo                   string    `json:"refundNo"`
	PartnerRefundNo            string    `json:"partnerRefundNo"`
	RefundTime                 string    `json:"refundTime"`
	Latest                     string    `json:"latestTransactionStatus"`
	AdditionalInfo             struct {
		Latest string `json:"latestTransactionStatus"`
	} `json:"additionalInfo"`
}

// snapMoney is an amount of an answer.
type snapMoney struct {
	Value    rupiah `json:"value"`
	Currency string `json:"currency"`
}

func (m snapMoney) is(amount int64) bool { return m.Value.is(amount) && !m.foreign() }

func (m snapMoney) differs(amount int64) bool { return m.Value.differs(amount) || m.foreign() }

func (m snapMoney) foreign() bool { return m.Currency != "" && m.Currency != "IDR" }

// snapCode is a responseCode: HTTP status, service, case; a string or a number
// (doku-api.md §2).
type snapCode struct {
	text                    string
	status, service, caseNo int
}

var errCode = errors.New("response code is neither text nor number")

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (c *snapCode) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case 'n':
		*c = snapCode{}
	case '"', '0':
		*c = parseSNAPCode(token.String())
	default:
		return errCode
	}
	return nil
}

func parseSNAPCode(text string) snapCode {
	c := snapCode{text: text}
	if len(text) != 7 || !allDigits(text) {
		return c
	}
	c.status, _ = strconv.Atoi(text[:3])
	c.service, _ = strconv.Atoi(text[3:5])
	c.caseNo, _ = strconv.Atoi(text[5:])
	return c
}

// snapRow is one row of the table of doku-api.md §2; the first that fits
// decides. The service part of the code is ignored.
type snapRow struct {
	status int
	cases  []int // nil: the rest
	class  Class
	cause  Cause
	why    string
}

// snapRows: what stands nowhere here is unknown.
var snapRows = []snapRow{
	{status: 200, cases: []int{0}, class: Succeeded, why: "done"},
	{status: 202, cases: []int{0}, class: InProgress, why: "in progress"},
	{status: 400, cases: []int{0, 1, 2, 4}, class: Failed, why: "a field is malformed, wrong or missing"},
	{status: 400, cases: []int{3}, why: "said to be done already"},
	{status: 401, cases: []int{2, 4}, class: NotExecuted, cause: CustomerToken, why: "customer token refused"},
	{status: 401, class: NotExecuted, cause: Credentials, why: "credentials or b2b token refused"},
	{status: 403, cases: []int{4, 6, 14, 20, 23}, class: NotExecuted, cause: Unavailable, why: "not now: limit, cut-off or balance"},
	{status: 403, class: Failed, why: "not permitted"},
	{status: 404, cases: []int{0, 1}, class: Failed, why: "wrong status or not found"},
	{status: 404, cases: []int{2}, class: NotExecuted, cause: Unavailable, why: "no route"},
	{status: 404, cases: []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19}, class: Failed, why: "no such account, merchant or amount"},
	{status: 404, cases: []int{18}, why: "same reference, other content"},
	{status: 405, cases: []int{0}, class: Failed, why: "not supported"},
	{status: 405, cases: []int{1}, class: NotExecuted, cause: Unavailable, why: "not now"},
	{status: 409, cause: Collision, why: "identifier used before"},
	{status: 429, class: NotExecuted, cause: Throttled, why: "too many requests"},
}

func (r snapRow) fits(c snapCode) bool {
	return r.status == c.status && (r.cases == nil || slices.Contains(r.cases, c.caseNo))
}

func bySNAPCode(c snapCode) Verdict {
	for _, row := range snapRows {
		if row.fits(c) {
			return Verdict{Class: row.class, Cause: row.cause, Problem: row.why}
		}
	}
	return Verdict{Problem: "the answer proves nothing"}
}

// bySNAPStatus is the verdict where there is no code to be read: two statuses
// speak for themselves.
func bySNAPStatus(r reply, problem string) Verdict {
	if r.status == http.StatusUnauthorized || r.status == http.StatusTooManyRequests {
		return bySNAPCode(snapCode{status: r.status})
	}
	return Verdict{Problem: problem}
}

// latest: what latestTransactionStatus makes of a 200/00 (doku-api.md §2).
var latest = map[string]Verdict{
	"":   {Class: Succeeded, Problem: "done"},
	"00": {Class: Succeeded, Problem: "done"},
	"03": {Class: InProgress, Problem: "latestTransactionStatus 03"},
	"06": {Class: Failed, Problem: "latestTransactionStatus 06"},
}

// Names of answer fields that were present and not ours.
const (
	fieldSNAPInvoice = "originalPartnerReferenceNo"
	fieldPartnerNo   = "partnerRefundNo"
	fieldSNAPAmount  = "refundAmount"
)

// MismatchFields returns the closed set of names in [Verdict].Mismatches.
func MismatchFields() []string {
	return []string{
		fieldInvoice, fieldOriginalRequest, fieldAmount, fieldSNAPInvoice, fieldPartnerNo, fieldSNAPAmount,
	}
}

// classifySNAP says what the answer to a SNAP refund proves (doku-api.md §2).
func classifySNAP(o Order, r reply) Verdict {
	if v, ok := r.undelivered(); ok {
		return v
	}
	var a snapAnswer
	v := a.judge(o, r)
	v.Said.HTTPStatus = r.status
	v.RetryAfter = r.retryAfter()
	if v.Class != Unknown {
		v.Evidence = ByResponse
	}
	return v
}

func (a *snapAnswer) judge(o Order, r reply) Verdict {
	if err := r.decode(a); err != nil {
		return bySNAPStatus(r, err.Error())
	}
	v := a.verdict(o, r)
	v.Said = a.said()
	v.Mismatches = a.others(o)
	return v
}

func (a *snapAnswer) verdict(o Order, r reply) Verdict {
	switch {
	case a.ResponseCode.status == 0:
		return bySNAPStatus(r, "no seven-digit response code")
	case a.ResponseCode.status != r.status:
		return Verdict{Problem: "response code and http status disagree"}
	}
	v := bySNAPCode(a.ResponseCode)
	if v.Class != Succeeded {
		return v
	}
	if a.RefundAmount.differs(o.Amount) {
		return Verdict{Problem: "another amount was refunded"}
	}
	return a.done()
}

// done looks at the status inside an answer that says "done".
func (a *snapAnswer) done() Verdict {
	inside := a.AdditionalInfo.Latest
	if inside == "" {
		inside = a.Latest
	}
	v, ok := latest[inside]
	if !ok || a.Latest != "" && a.Latest != inside {
		return Verdict{Problem: "unclear latestTransactionStatus"}
	}
	return v
}

// others lists the fields that are present and not ours. Numbers that differ
// are no reason to disbelieve: seed 2's own sample shows some (design.md §7).
func (a *snapAnswer) others(o Order) []string {
	var fields []string
	if a.OriginalPartnerReferenceNo != "" && a.OriginalPartnerReferenceNo != o.InvoiceNumber {
		fields = append(fields, fieldSNAPInvoice)
	}
	if a.PartnerRefundNo != "" && a.PartnerRefundNo != o.PartnerRefundNo {
		fields = append(fields, fieldPartnerNo)
	}
	if a.RefundAmount.differs(o.Amount) {
		fields = append(fields, fieldSNAPAmount)
	}
	return fields
}

func (a *snapAnswer) said() Said {
	return Said{
		Code: a.ResponseCode.text, Message: a.ResponseMessage,
		RefundNo: a.RefundNo, ReferenceNo: a.OriginalReferenceNo,
		RefundTime: a.RefundTime, PartnerRefundNo: a.PartnerRefundNo,
	}
}
