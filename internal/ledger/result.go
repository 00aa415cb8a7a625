package ledger

import (
	"strings"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// Result writes the event of docs/contract.md, "Result" that a result record
// stands for.
func Result(r *refund.Record) jobs.Result {
	result := jobs.Result{
		RefundID:          r.Job.RefundID,
		Channel:           r.Job.Channel,
		Status:            r.State,
		InvoiceNumber:     r.Job.InvoiceNumber,
		OriginalRequestID: r.Job.OriginalRequestID,
		Amount:            r.Job.Amount,
		Currency:          r.Job.Currency,
		Error:             resultError(r),
		Attempts:          int64(r.Sends),
		Evidence:          r.Evidence,
		Environment:       r.Environment,
		EnqueuedAt:        r.EnqueuedAt.Time(),
		CompletedAt:       r.At.Time(),
		Metadata:          r.Job.Metadata,
	}
	if r.Sends > 0 {
		fillInSent(&result, r)
	}
	return result
}

// fillInSent fills in what only a refund that was sent can have.
func fillInSent(result *jobs.Result, r *refund.Record) {
	result.RequestID = r.Identity.RequestID
	if r.Job.Channel.Facts().Family == channel.SNAP {
		result.RequestID = r.Identity.ExternalID
		result.PartnerRefundNo = r.Identity.PartnerRefundNo
	}
	if r.Response == nil {
		return
	}
	result.RefundType = r.Response.RefundType
	result.Message = r.Response.Message
	result.ApprovalCode = r.Response.ApprovalCode
	result.RefundNo = r.Response.RefundNo
	result.ReferenceNo = r.Response.ReferenceNo
	result.RefundTime = r.Response.RefundTime
}

// explanations say what the worker's own codes mean, where the record has no note.
var explanations = map[refund.Code]string{
	refund.CodeInvalidJob:            "the job breaks a rule",
	refund.CodeCardNumber:            "the job holds a card number",
	refund.CodeCancelled:             "cancelled by an operator before it was sent",
	refund.CodeDeadlineExceeded:      "the deadline passed and none of our requests was executed",
	refund.CodeCustomerTokenInvalid:  "the customer's token was refused or is missing; none of our requests was executed",
	refund.CodeIdentifierCollision:   "somebody else has used this refund's identifier at DOKU; a person must look at it",
	refund.CodeIdentifierUsed:        "DOKU says that this refund's identifier was used before; an earlier send of ours was not executed, and DOKU may count it as used all the same; a person must look at it",
	refund.CodeOutcomeUnknown:        "the deadline passed and DOKU could not tell whether the refund was executed; a person must settle it",
	refund.CodeContradictoryEvidence: "DOKU shows our identifier with another amount or invoice; a person must settle it",
}

func resultError(r *refund.Record) jobs.ResultError {
	switch {
	case r.State == refund.Succeeded:
		return jobs.ResultError{}
	case r.Code.IsError():
		return jobs.ResultError{Source: jobs.SourceWorker, Code: r.Code.String(), Message: explain(r)}
	case r.Code == refund.CodeOperator:
		// The operator settles what the worker could not learn.
		return jobs.ResultError{Source: jobs.SourceWorker, Code: refund.CodeOutcomeUnknown.String(), Message: explain(r)}
	}
	return responseError(r.Response)
}

// explain says what a code of the worker's means for this refund.
func explain(r *refund.Record) string {
	text := meaning(r)
	if collisionCodes[r.Code] && r.NumberMayCollide() {
		text += "; its partnerRefundNo " + r.Identity.PartnerRefundNo +
			" has 60 bits, derived from the refund_id: another refund may have the same one (`refundctl status` looks for it)"
	}
	return text
}

// collisionCodes are the ends that a refund comes to whose number DOKU knows from
// another one.
var collisionCodes = map[refund.Code]bool{refund.CodeIdentifierCollision: true, refund.CodeOutcomeUnknown: true, refund.CodeContradictoryEvidence: true}

func meaning(r *refund.Record) string {
	switch {
	// Records after an operator's repeat his words, as they do everything.
	case r.Because != "" && r.Code == refund.CodeOperator:
		return "settled by an operator: " + r.Because
	case r.Because != "" && r.Code == refund.CodeCancelled:
		return explanations[r.Code] + ": " + r.Because
	case r.Note != "" && (r.Code == refund.CodeInvalidJob || r.Code == refund.CodeCardNumber):
		return r.Note
	case r.Response != nil && r.Response.Code != "":
		return explanations[r.Code] + " (DOKU said last: " + r.Response.Code + ")"
	}
	return explanations[r.Code]
}

// failed is the code of a refund that failed without one of DOKU's.
const failed = "FAILED"

// responseError is DOKU's own no.
func responseError(said *refund.Response) jobs.ResultError {
	if said == nil {
		said = &refund.Response{}
	}
	e := jobs.ResultError{
		Source: jobs.SourceDOKU, Code: said.Code, Message: said.ErrorMessage,
		Type: said.Type, HTTPStatus: int64(said.HTTPStatus),
	}
	switch {
	case e.Code == "": // a FAILED answer without an error object
		e.Code = failed
	case strings.HasPrefix(e.Code, "2"): // SNAP: the call went well, and shows a refund that did not
		e.Code, e.Message = failed, "DOKU shows the refund as failed"
	}
	if e.Message == "" {
		e.Message = said.Message
	}
	return e
}
