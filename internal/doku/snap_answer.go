package doku

import (
	"net/http"
	"strings"

	"refundworker.example/refundworker/internal/refund"
)

// snapAnswer is what is read of the answer to a refund.
type snapAnswer struct {
	ResponseCode               snapCode            `json:"responseCode"`
	ResponseMessage            messageText         `json:"responseMessage"`
	RefundAmount               *snapMoney          `json:"refundAmount"`
	OriginalPartnerReferenceNo string              `json:"originalPartnerReferenceNo"`
	OriginalReferenceNo        string              `json:"originalReferenceNo"`
	RefundNo                   string              `json:"refundNo"`
	PartnerRefundNo            string              `json:"partnerRefundNo"`
	RefundTime                 string              `json:"refundTime"`
	Latest                     string              `json:"latestTransactionStatus"`
	AdditionalInfo             optional[snapExtra] `json:"additionalInfo"`

	AccessToken   present `json:"accessToken"`
	RefundHistory present `json:"refundHistory"`
	TransAmount   present `json:"transAmount"`
}

// snapExtra is what is read of additionalInfo.
type snapExtra struct {
	Latest string `json:"latestTransactionStatus"`

	AccessToken   present `json:"accessToken"`
	RefundHistory present `json:"refundHistory"`
	TransAmount   present `json:"transAmount"`
}

// Services of a responseCode.
const (
	serviceB2B    = 73 // tokens
	serviceB2B2C  = 74
	serviceStatus = 55
)

// serviceRefund are the services of a refund: DOKU's, and the standard's.
var serviceRefund = []int{7, 58}

// another reports whether this answers another kind of request. On a connection
// on which the server has sent one answer too many, each request gets the answer
// to the one before it; SNAP's answers are not signed, so no signature shows it.
func (a *snapAnswer) another() bool {
	extra := a.AdditionalInfo.value
	return a.ResponseCode.service == serviceB2B || a.ResponseCode.service == serviceB2B2C ||
		bool(a.AccessToken || a.RefundHistory || a.TransAmount) ||
		bool(extra.AccessToken || extra.RefundHistory || extra.TransAmount)
}

// traces reports whether the answer shows anything of a refund that ran.
func (a *snapAnswer) traces() bool {
	return a.RefundNo != "" || a.RefundTime != "" || a.RefundAmount != nil ||
		a.Latest != "" || a.AdditionalInfo.value.Latest != ""
}

// snapMoney is an amount of an answer.
type snapMoney struct {
	Value    rupiah `json:"value"`
	Currency string `json:"currency"`
}

func (m *snapMoney) is(amount int64) bool {
	return m != nil && m.Value.is(amount) && !m.foreign()
}

func (m *snapMoney) differs(amount int64) bool {
	return m != nil && (m.Value.differs(amount) || m.foreign())
}

func (m *snapMoney) foreign() bool { return m.Currency != "" && !strings.EqualFold(m.Currency, "IDR") }

// latest: what latestTransactionStatus makes of a 200/00 (docs/doku-api.md,
// "Classification of refund answers: SNAP").
var latest = map[string]RefundOutcome{
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

// MismatchFields returns the closed set of names in [RefundOutcome].Mismatches.
func MismatchFields() []string {
	return []string{
		fieldInvoice, fieldOriginalRequest, fieldAmount, fieldSNAPInvoice, fieldPartnerNo, fieldSNAPAmount,
	}
}

// classifySNAP says what the answer to a SNAP refund proves.
func classifySNAP(o Order, r reply) RefundOutcome {
	if v, ok := r.undelivered(); ok {
		return v
	}
	var a snapAnswer
	v := a.classify(o, r)
	v.Response.HTTPStatus = r.status
	v.RetryAfter = r.retryAfter()
	return v.finished(r.status)
}

func (a *snapAnswer) classify(o Order, r reply) RefundOutcome {
	if err := r.decode(a); err != nil {
		if r.garbled() {
			return RefundOutcome{Cause: Failing, Problem: err.Error()}
		}
		return bySNAPStatus(r, err.Error())
	}
	v := a.byResponseCode(o, r)
	v.Response = a.response()
	v.Mismatches = a.others(o)
	return v
}

func (a *snapAnswer) byResponseCode(o Order, r reply) RefundOutcome {
	switch {
	case !r.final():
		return RefundOutcome{Cause: Failing, Problem: "not a final answer"}
	case a.another():
		return RefundOutcome{Problem: "the answer to another request"}
	case a.ResponseCode.status == 0:
		return a.uncoded(r)
	case a.ResponseCode.status != r.status:
		return a.disagreeing(r)
	}
	v := bySNAPCode(a.ResponseCode, string(a.ResponseMessage))
	if v.Class != Succeeded {
		return v
	}
	if a.RefundAmount.differs(o.Amount) {
		return RefundOutcome{Problem: "another amount was refunded"}
	}
	return a.done()
}

// uncoded judges an answer without a seven-digit code.
func (a *snapAnswer) uncoded(r reply) RefundOutcome {
	v := bySNAPStatus(r, "no seven-digit response code")
	v.Unlisted = v.Class == Unknown && a.ResponseCode.text != ""
	return v
}

// disagreeing: some banks put a definite no into an HTTP 200. It is one, unless
// there is a trace of a refund. No other code is believed against its status.
func (a *snapAnswer) disagreeing(r reply) RefundOutcome {
	v := bySNAPCode(a.ResponseCode, string(a.ResponseMessage))
	if r.status == http.StatusOK && v.Class == Failed && !a.traces() {
		v.Problem += ", inside http 200"
		return v
	}
	if v.Unlisted {
		return v
	}
	if v.Cause != Failing {
		v.Cause = Plain
	}
	return RefundOutcome{Cause: v.Cause, Problem: "response code and http status disagree"}
}

// done looks at the status inside an answer that says "done".
func (a *snapAnswer) done() RefundOutcome {
	inside := a.AdditionalInfo.value.Latest
	if inside == "" {
		inside = a.Latest
	}
	v, ok := latest[inside]
	if !ok || a.Latest != "" && a.Latest != inside {
		return RefundOutcome{Problem: "unclear latestTransactionStatus"}
	}
	return v
}

// others lists the fields that are present and not ours. Numbers that differ
// are not a reason to disbelieve: DOKU's direct debit document's own sample
// shows some (docs/doku-api.md, "Classification of refund answers: SNAP").
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

func (a *snapAnswer) response() refund.Response {
	return refund.Response{
		Code: a.ResponseCode.text, Message: string(a.ResponseMessage),
		RefundNo: a.RefundNo, ReferenceNo: a.OriginalReferenceNo,
		RefundTime: a.RefundTime,
	}
}
