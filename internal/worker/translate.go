package worker

import (
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/printable"
	"refundworker.example/refundworker/internal/refund"
)

// answers maps what a verdict proves to what the state machine knows. What is
// not in the table proves nothing.
var answers = map[doku.Class]refund.Answer{
	doku.Succeeded:   refund.Success,
	doku.Failed:      refund.DefiniteNo,
	doku.NotExecuted: refund.NotExecuted,
}

// Answer is what a verdict proves to the state machine.
func Answer(v doku.RefundOutcome) refund.Answer {
	switch {
	case v.Class == doku.NotExecuted && v.Cause == doku.CustomerToken:
		return refund.CustomerTokenRefused
	case v.Class == doku.NotExecuted && v.Evidence == doku.ByReplay:
		return refund.ReplayedRefusal
	case v.Class == doku.Unknown && v.Cause == doku.Collision:
		return refund.Collision
	}
	return answers[v.Class]
}

// Finding is what an inquiry proves to the state machine.
func Finding(f doku.Finding) refund.Finding { return findings[f] }

var findings = map[doku.Finding]refund.Finding{
	doku.FoundSuccess:  refund.FoundSuccess,
	doku.FoundFailure:  refund.FoundFailure,
	doku.FoundRunning:  refund.FoundRunning,
	doku.NotFound:      refund.NotFound,
	doku.Contradiction: refund.Contradiction,

	doku.NotFoundNoHistory: refund.NotFoundNoHistory,
}

// Code is why a broken job is rejected, by the codec's word.
func Code(word string) refund.Code { return codes[word] }

// codes are the two reasons for which a job that can be read is rejected.
var codes = map[string]refund.Code{
	jobs.CodeInvalidJob: refund.CodeInvalidJob,
	jobs.CodeCardNumber: refund.CodeCardNumber,
}

// Labels of refund_attempts_total and refund_inquiries_total.
var (
	attemptOutcomes = map[refund.Answer]string{
		refund.Success:              "success",
		refund.DefiniteNo:           "failed",
		refund.CustomerTokenRefused: "failed",
		refund.NotExecuted:          "retry",
		refund.ReplayedRefusal:      "retry",
		refund.NoProof:              "unknown",
		refund.Collision:            "unknown",
	}
	inquiryOutcomes = map[refund.Finding]string{
		refund.FoundSuccess:  "success",
		refund.FoundFailure:  "failed",
		refund.FoundRunning:  "running",
		refund.NotFound:      "not_found",
		refund.Contradiction: "contradiction",
		refund.NoAnswer:      "no_answer",

		refund.NotFoundNoHistory: "not_found",
	}
)

// longest text of DOKU's that a record keeps. Records travel in a header, and
// a header has its limits.
const longestSaid = 512

// Said is what a record keeps of DOKU's words; nil where there was no answer.
func Said(s doku.Said) *refund.Response {
	if s == (doku.Said{}) {
		return nil
	}
	return &refund.Response{
		HTTPStatus:   s.HTTPStatus,
		Code:         clean(s.Code),
		Message:      clean(s.Message),
		ErrorMessage: clean(s.ErrorMessage),
		Type:         clean(s.Type),
		RefundType:   clean(s.RefundType),
		ApprovalCode: clean(s.ApprovalCode),
		RefundNo:     clean(s.RefundNo),
		ReferenceNo:  clean(s.ReferenceNo),
		RefundTime:   clean(s.RefundTime),
	}
}

// clean makes a foreign text fit to be kept.
func clean(text string) string { return printable.Kept(text, longestSaid) }
