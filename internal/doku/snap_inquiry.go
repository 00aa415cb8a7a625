package doku

import (
	"net/http"
	"slices"

	"refundworker.example/refundworker/internal/refund"
)

// snapFound is what is read of the answer to a status inquiry.
type snapFound struct {
	ResponseCode               snapCode                `json:"responseCode"`
	ResponseMessage            messageText             `json:"responseMessage"`
	OriginalPartnerReferenceNo string                  `json:"originalPartnerReferenceNo"`
	OriginalReferenceNo        string                  `json:"originalReferenceNo"`
	Latest                     string                  `json:"latestTransactionStatus"`
	History                    []snapEntry             `json:"refundHistory"`
	AdditionalInfo             optional[snapFoundMore] `json:"additionalInfo"`
}

// snapFoundMore is what is read of additionalInfo: others who speak this standard
// put the history there.
type snapFoundMore struct {
	Latest  string      `json:"latestTransactionStatus"`
	History []snapEntry `json:"refundHistory"`
}

// entries are those of both places.
func (a *snapFound) entries() []snapEntry {
	return slices.Concat(a.History, a.AdditionalInfo.value.History)
}

// snapEntry is one refund of the history.
type snapEntry struct {
	RefundNo           string    `json:"refundNo"`
	PartnerRefundNo    string    `json:"partnerRefundNo"`
	PartnerReferenceNo string    `json:"partnerReferenceNo"`
	RefundAmount       snapMoney `json:"refundAmount"`
	RefundStatus       string    `json:"refundStatus"`
	RefundDate         string    `json:"refundDate"`
}

// number is what DOKU's libraries call partnerReferenceNo. The documented name
// goes first: the other one may hold the payment's reference.
func (e snapEntry) number() string {
	if e.PartnerRefundNo != "" {
		return e.PartnerRefundNo
	}
	return e.PartnerReferenceNo
}

// foreign reports whether the entry is plainly another refund's: DOKU may show
// other numbers than were sent, so one with our amount, or without any, may be
// ours.
func (e snapEntry) foreign(o Order) bool {
	return e.number() != "" && e.number() != o.PartnerRefundNo && e.PartnerReferenceNo != o.PartnerRefundNo &&
		e.RefundAmount.Value.differs(o.Amount)
}

// What refundStatus says.
const (
	snapDone    = "00"
	snapPending = "03"
	snapFailed  = "06"
)

// What latestTransactionStatus says of a payment of which nothing was refunded:
// success, initiated, paying, pending, cancelled, failed; and of one that is not
// there. 04 is refunded, and any other is unknown to us.
var (
	snapUnrefunded = []string{"00", "01", "02", "03", "05", "06"}
	snapMissing    = "07"
)

// findSNAP says what the answer to a SNAP inquiry proves.
func findSNAP(o Order, r reply) (InquiryOutcome, []string) {
	if i, ok := r.withoutAnswer(); ok {
		return i, nil
	}
	var a snapFound
	if err := r.decode(&a); err != nil {
		return InquiryOutcome{
			Cause: inquiryCause(bySNAPStatus(r, "")), RetryAfter: r.retryAfter(),
			Response: refund.Response{HTTPStatus: r.status}, Problem: err.Error(),
		}, nil
	}
	i := a.find(o, r)
	i.RetryAfter = r.retryAfter()
	i.Response.HTTPStatus, i.Response.Code, i.Response.Message = r.status, a.ResponseCode.text, string(a.ResponseMessage)
	i.Response.ReferenceNo = a.OriginalReferenceNo
	i = i.finished(r.status)
	if a.OriginalPartnerReferenceNo != "" && a.OriginalPartnerReferenceNo != o.InvoiceNumber {
		return i, []string{fieldSNAPInvoice}
	}
	return i, nil
}

func (a *snapFound) find(o Order, r reply) InquiryOutcome {
	code := a.ResponseCode
	switch {
	case !r.final():
		return InquiryOutcome{Cause: Failing, Problem: "not a final answer"}
	case code.status == 0:
		v := bySNAPStatus(r, "")
		return InquiryOutcome{
			Cause: inquiryCause(v), Unlisted: v.Class == Unknown && code.text != "", Problem: "no seven-digit response code",
		}
	case code.status != r.status:
		return disagreeing(code)
	case code.status == http.StatusNotFound && code.caseNo == 1 && !a.strange():
		return InquiryOutcome{Finding: refund.NotFound, Problem: "not found"}
	case code.status == http.StatusOK && code.caseNo == 0 && code.service != serviceStatus:
		return InquiryOutcome{Problem: "the answer of another service"}
	case code.status != http.StatusOK || code.caseNo != 0:
		v := bySNAPCode(code, string(a.ResponseMessage))
		return InquiryOutcome{Cause: inquiryCause(v), Unlisted: v.Unlisted, Problem: "no answer to the question"}
	}
	if ours := a.ours(o); len(ours) > 0 {
		return classifyEntries(o, ours)
	}
	return a.absent(o)
}

// disagreeing: a code that contradicts its status says nothing. One that no table
// lists is told all the same.
func disagreeing(code snapCode) InquiryOutcome {
	i := InquiryOutcome{Problem: "response code and http status disagree"}
	if v := bySNAPCode(code, ""); v.Cause == Failing {
		i.Cause, i.Unlisted = Failing, v.Unlisted
	}
	return i
}

// strange reports whether a "not found" speaks of something else than our
// question: it is the answer to a token or a refund, or it shows a history.
func (a *snapFound) strange() bool {
	service := a.ResponseCode.service
	return service == serviceB2B || service == serviceB2B2C || slices.Contains(serviceRefund, service) || len(a.entries()) > 0
}

func (a *snapFound) ours(o Order) []snapEntry {
	var ours []snapEntry
	for _, e := range a.entries() {
		if e.number() == o.PartnerRefundNo {
			ours = append(ours, e)
		}
	}
	return ours
}

// absent: the history does not show our refund. Under a status that may mean one,
// or beside an entry that may be ours, that says nothing about us.
func (a *snapFound) absent(o Order) InquiryOutcome {
	entries, inside := a.entries(), a.AdditionalInfo.value.Latest
	known := a.Latest == snapMissing || slices.Contains(snapUnrefunded, a.Latest)
	switch {
	case !known || inside != "" && inside != a.Latest:
		return InquiryOutcome{Problem: "refunded, or a status of no meaning, and no entry of ours"}
	case slices.ContainsFunc(entries, func(e snapEntry) bool { return !e.foreign(o) }):
		return InquiryOutcome{Problem: "an entry that may be ours under another number"}
	case a.Latest == snapMissing, len(entries) > 0:
		return InquiryOutcome{Finding: refund.NotFound, Problem: "no entry of ours"}
	default:
		return InquiryOutcome{Finding: refund.NotFoundNoHistory, Problem: "no history of refunds"}
	}
}

// judgeEntries: another amount anywhere is a contradiction; else any 00 is a
// yes; else any 03 is in progress; else 06 is a no. An entry without amount or
// with a status of no meaning proves nothing, and spoils a no.
func classifyEntries(o Order, entries []snapEntry) InquiryOutcome {
	byStatus := map[string]snapEntry{}
	for _, e := range entries {
		if e.RefundAmount.differs(o.Amount) {
			return InquiryOutcome{Finding: refund.Contradiction, Problem: "our number with another amount"}
		}
		byStatus[e.class(o)] = e
	}
	for _, rule := range entryRules {
		if e, ok := byStatus[rule.status]; ok {
			return InquiryOutcome{Finding: rule.finding, Response: e.response(), Problem: rule.why}
		}
	}
	return InquiryOutcome{Problem: "our entry is unclear"}
}

const snapUnclear = "unclear"

var entryRules = []struct {
	status  string
	finding refund.Finding
	why     string
}{
	{snapDone, refund.FoundSuccess, "refundStatus 00"},
	{snapPending, refund.FoundRunning, "refundStatus 03"},
	{snapUnclear, refund.NoAnswer, "our entry is unclear"},
	{snapFailed, refund.FoundFailure, "refundStatus 06"},
}

// class is refundStatus where it means something.
func (e snapEntry) class(o Order) string {
	switch {
	case e.RefundStatus == snapPending:
		return snapPending
	case e.RefundAmount.is(o.Amount) && (e.RefundStatus == snapDone || e.RefundStatus == snapFailed):
		return e.RefundStatus
	default:
		return snapUnclear
	}
}

func (e snapEntry) response() refund.Response {
	return refund.Response{RefundNo: e.RefundNo, RefundTime: e.RefundDate}
}

// inquiryCause keeps what speaks of the call. A customer's token was not sent:
// DOKU can only mean ours.
func inquiryCause(v RefundOutcome) Cause {
	switch v.Cause {
	case CustomerToken:
		return Credentials
	case Collision:
		return Plain
	default:
		return v.Cause
	}
}
