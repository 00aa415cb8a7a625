package doku

import "net/http"

// snapFound is what is read of the answer to a status inquiry (doku-api.md §2).
type snapFound struct {
	ResponseCode               snapCode    `json:"responseCode"`
	ResponseMessage            string      `json:"responseMessage"`
	OriginalPartnerReferenceNo string      `json:"originalPartnerReferenceNo"`
	OriginalReferenceNo        string      `json:"originalReferenceNo"`
	Latest                     string      `json:"latestTransactionStatus"`
	History                    []snapEntry `json:"refundHistory"`
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

// What refundStatus and latestTransactionStatus say (doku-api.md §2).
const (
	snapDone     = "00"
	snapPending  = "03"
	snapRefunded = "04"
	snapFailed   = "06"
)

const statusService = 55

// findSNAP says what the answer to a SNAP inquiry proves (doku-api.md §5).
func findSNAP(o Order, r reply) (Inquiry, []string) {
	if i, ok := r.unheard(); ok {
		return i, nil
	}
	var a snapFound
	if err := r.decode(&a); err != nil {
		return Inquiry{
			Cause: inquiryCause(bySNAPStatus(r, "")), RetryAfter: r.retryAfter(),
			Said: Said{HTTPStatus: r.status}, Problem: err.Error(),
		}, nil
	}
	i := a.find(o, r)
	i.RetryAfter = r.retryAfter()
	i.Said.HTTPStatus, i.Said.Code, i.Said.Message = r.status, a.ResponseCode.text, a.ResponseMessage
	i.Said.ReferenceNo = a.OriginalReferenceNo
	if a.OriginalPartnerReferenceNo != "" && a.OriginalPartnerReferenceNo != o.InvoiceNumber {
		return i, []string{fieldSNAPInvoice}
	}
	return i, nil
}

func (a *snapFound) find(o Order, r reply) Inquiry {
	code := a.ResponseCode
	switch {
	case code.status == 0:
		return Inquiry{Cause: inquiryCause(bySNAPStatus(r, "")), Problem: "no seven-digit response code"}
	case code.status != r.status:
		return Inquiry{Problem: "response code and http status disagree"}
	case code.status == http.StatusNotFound && code.caseNo == 1:
		return Inquiry{Finding: NotFound, Problem: "not found"}
	case code.status != http.StatusOK || code.caseNo != 0 || code.service != statusService:
		return Inquiry{Cause: inquiryCause(bySNAPCode(code)), Problem: "no answer to the question"}
	}
	if ours := a.ours(o); len(ours) > 0 {
		return judgeEntries(o, ours)
	}
	return a.absent()
}

func (a *snapFound) ours(o Order) []snapEntry {
	var ours []snapEntry
	for _, e := range a.History {
		if e.number() == o.PartnerRefundNo {
			ours = append(ours, e)
		}
	}
	return ours
}

// absent: the history does not show our refund. Under status 04 somebody
// refunded something, so that is no word about us.
func (a *snapFound) absent() Inquiry {
	if a.Latest == "" || a.Latest == snapRefunded {
		return Inquiry{Problem: "refunded or no status, and no entry of ours"}
	}
	return Inquiry{Finding: NotFound, Problem: "no entry of ours"}
}

// judgeEntries: another amount anywhere is a contradiction; else any 00 is a
// yes; else any 03 is in progress; else 06 is a no (doku-api.md §5). An entry
// without amount or with a status of no meaning proves nothing, and spoils a no.
func judgeEntries(o Order, entries []snapEntry) Inquiry {
	byStatus := map[string]snapEntry{}
	for _, e := range entries {
		if e.RefundAmount.differs(o.Amount) {
			return Inquiry{Finding: Contradiction, Problem: "our number with another amount"}
		}
		byStatus[e.class(o)] = e
	}
	for _, rule := range entryRules {
		if e, ok := byStatus[rule.status]; ok {
			return Inquiry{Finding: rule.finding, Said: e.said(), Problem: rule.why}
		}
	}
	return Inquiry{Problem: "our entry is unclear"}
}

const snapUnclear = "unclear"

var entryRules = []struct {
	status  string
	finding Finding
	why     string
}{
	{snapDone, FoundSuccess, "refundStatus 00"},
	{snapPending, FoundRunning, "refundStatus 03"},
	{snapUnclear, NoAnswer, "our entry is unclear"},
	{snapFailed, FoundFailure, "refundStatus 06"},
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

func (e snapEntry) said() Said {
	return Said{RefundNo: e.RefundNo, RefundTime: e.RefundDate, PartnerRefundNo: e.number()}
}

// inquiryCause keeps what speaks of the call. A customer's token was not sent:
// DOKU can only mean ours.
func inquiryCause(v Verdict) Cause {
	switch v.Cause {
	case CustomerToken:
		return Credentials
	case Collision:
		return Plain
	default:
		return v.Cause
	}
}
