package service_test

import (
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// Answers that no fault of the simulator gives by itself.
const (
	cardNotFound  = `{"error":{"code":"DATA_NOT_FOUND","message":"Transaction is not found","type":"Data Not Found"}}`
	cardOverTotal = `{"order":{"invoice_number":"{invoice}"},"payment":{"original_request_id":"{original}"},` +
		`"refund":{"amount":10000,"type":"FULL_REFUND","status":"FAILED"},` +
		`"error":{"code":"PAYMENT_FAILED","message":"Total Refund amount is Bigger than Original Transaction","type":"Payment Failed"}}`
	cardOtherAmount = `{"order":{"invoice_number":"{invoice}"},"transaction":{"status":"REFUNDED"},` +
		`"card_payment":{"request_id":"{request_id}"},"refund":{"amount":9999}}`
)

func respond(status, count int, body string) []dokusim.Fault {
	return []dokusim.Fault{{Kind: dokusim.Respond, Status: status, Count: count, Body: body}}
}

func fault(kinds ...dokusim.Kind) []dokusim.Fault {
	faults := make([]dokusim.Fault, len(kinds))
	for i, k := range kinds {
		faults[i].Kind = k
	}
	return faults
}

// cardDone is a refund that the first answer settles.
func cardDone(name, kind string, p dokusim.Payment) road {
	return road{
		name: name, channel: channel.CreditCard, payment: p, path: "sending succeeded", status: refund.Succeeded,
		evidence: refund.ByResponse, kind: kind, attempts: 1, calls: 1, moved: 1,
	}
}

// cardLost is one whose money moved and whose answer proves nothing.
func cardLost(name string, faults ...dokusim.Fault) road {
	return road{
		name: name, channel: channel.CreditCard, refunds: faults, path: "sending unknown succeeded", status: refund.Succeeded,
		evidence: refund.ByInquiry, attempts: 1, calls: 1, moved: 1,
	}
}

// cardNotRun is one that DOKU never executed, though nobody can know.
func cardNotRun(name string, faults ...dokusim.Fault) road {
	return road{
		name: name, channel: channel.CreditCard, refunds: faults, path: "sending unknown sending succeeded", status: refund.Succeeded,
		evidence: refund.ByResponse, kind: "PARTIAL_REFUND", attempts: 2, calls: 2, moved: 1,
	}
}

// cardNo is one that DOKU refuses for good.
func cardNo(name, code string) road {
	return road{
		name: name, channel: channel.CreditCard, path: "sending failed", status: refund.Failed,
		source: jobs.SourceDOKU, code: code, evidence: refund.ByResponse, attempts: 1, calls: 1, deadline: giveUp,
	}
}

// cardAgain is one that is proven not executed, and simply made again.
func cardAgain(name string, faults ...dokusim.Fault) road {
	return road{
		name: name, channel: channel.CreditCard, refunds: faults, path: "sending waiting sending succeeded", status: refund.Succeeded,
		evidence: refund.ByResponse, kind: "PARTIAL_REFUND", attempts: 2, calls: 2, moved: 1,
	}
}

// giveUp is when refunds that cannot be settled are given up here: after the
// first question that may allow a repeat, before the second.
const giveUp = 25 * time.Second

// cardRoads: DOKU's card document and docs/doku-api.md, "Classification of refund answers:
// cards", row by row.
var cardRoads = []road{
	cardDone("a full refund succeeds", "FULL_REFUND", dokusim.Payment{Amount: roadAmount}),
	cardDone("a partial refund succeeds", "PARTIAL_REFUND", dokusim.Payment{Amount: 3 * roadAmount}),
	cardDone("a void before settlement succeeds", "VOID", dokusim.Payment{Amount: roadAmount, Unsettled: true}),
	cardDone("a full refund by people counts as success", "MANUAL_FULL_REFUND", dokusim.Payment{Amount: roadAmount, Manual: true}),
	cardDone("a partial refund by people counts as success", "MANUAL_PARTIAL_REFUND", dokusim.Payment{Amount: 3 * roadAmount, Manual: true}),

	cardNo("FAILED ends it with one call and no retry", "PAYMENT_FAILED").
		paidFrom(dokusim.Payment{Amount: 3 * roadAmount, Unsettled: true}).kindIs("PARTIAL_REFUND"),
	cardNo("more than was paid is refused for good on the first send", "PAYMENT_FAILED").
		paidFrom(dokusim.Payment{Amount: roadAmount - 1}).kindIs("FULL_REFUND"),
	cardNo("a malformed request is refused for good", "INVALID_PARAMETER").
		met(respond(400, -1, `{"error":{"code":"INVALID_PARAMETER","message":"refund.amount","type":"Invalid Parameter"}}`)...),

	cardLost("a 500 after the commit is paid once and found", dokusim.Fault{Kind: dokusim.ErrorAfter}),
	cardLost("a 503 after the commit is paid once and found", dokusim.Fault{Kind: dokusim.ErrorAfter, Status: 503}),
	cardLost("a reset after the commit is paid once and found", dokusim.Fault{Kind: dokusim.ResetAfter}),
	cardLost("an answer cut short is paid once and found", dokusim.Fault{Kind: dokusim.Truncated}).kindIs(""),
	cardLost("a page instead of an answer is paid once and found", dokusim.Fault{Kind: dokusim.HTMLAfter}),
	cardLost("an answer with a wrong signature is paid once and found", dokusim.Fault{Kind: dokusim.BadSignature}),
	cardLost("an answer without a signature is paid once and found", dokusim.Fault{Kind: dokusim.NoSignature}),
	cardLost("an answer that never comes is paid once and found", dokusim.Fault{Kind: dokusim.Hold}),

	cardNotRun("a 500 before the commit is sent again as the very same request", dokusim.Fault{Kind: dokusim.ErrorBefore}),
	cardNotRun("a reset before the commit is sent again as the very same request", dokusim.Fault{Kind: dokusim.ResetBefore}),
	cardNotRun("a page before the commit is sent again as the very same request", dokusim.Fault{Kind: dokusim.HTMLBefore}),
	cardNotRun("a redirect is not followed, and sent again as the very same request", dokusim.Fault{Kind: dokusim.Redirect}),

	cardNotRun("a repeat that DOKU has executed already is settled by its stored answer", dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(respond(404, -1, cardNotFound)...).ends(refund.Succeeded, refund.ByReplay),
	cardNotRun("more than was paid is no proof after a doubt", fault(dokusim.ResetBefore)[0], respond(200, 1, cardOverTotal)[0]).
		by("sending unknown sending unknown sending succeeded", 3),

	cardLost("a refund in progress is asked about until it is done", dokusim.Fault{Kind: dokusim.InProgress, Looks: 2}),
	cardLost("a refund in progress that fails has failed", dokusim.Fault{Kind: dokusim.InProgress, Looks: 2, Fails: true}).
		by("sending unknown failed", 1).ends(refund.Failed, refund.ByInquiry).fails(jobs.SourceDOKU, "FAILED").movesNothing().until(giveUp),

	cardAgain("429 is waited out", dokusim.Fault{Kind: dokusim.TooMany, RetryAfter: time.Second}).waits(time.Second),
	cardAgain("maintenance is waited out", respond(503, 1, `{"error":{"code":"MAINTENANCE_MODE","message":"back soon"}}`)...),
	cardAgain("one refused signature is tried again", respond(400, 1, `{"error":{"code":"invalid_signature","message":"Invalid Header Signature"}}`)...),

	cardNo("a used Request-Id is somebody else's refund", "").
		met(respond(409, -1, `{"error":{"code":"DUPLICATE_REQUEST_ID","message":"used","type":"Duplicate Request"}}`)...).
		unresolved("sending unresolved", refund.CodeIdentifierCollision.String(), 1),
	cardNo("a Request-Id that a refusal has used up is nobody else's refund", "").
		met(dokusim.Fault{Kind: dokusim.TooMany}, respond(409, -1, `{"error":{"code":"DUPLICATE_REQUEST_ID","message":"used","type":"Duplicate Request"}}`)[0]).
		unresolved("sending waiting sending unresolved", refund.CodeIdentifierUsed.String(), 2).until(giveUp + giveUp),
	cardNo("our Request-Id with another amount needs a person", "").
		met(dokusim.Fault{Kind: dokusim.ErrorBefore}).asked(respond(200, -1, cardOtherAmount)...).
		unresolved("sending unknown unresolved", refund.CodeContradictoryEvidence.String(), 1),
}
