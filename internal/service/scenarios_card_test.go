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

// respond returns the same answer count times; -1: always.
func respond(status, count int, body string) []dokusim.Fault {
	return []dokusim.Fault{{Kind: dokusim.Respond, Status: status, Count: count, Body: body}}
}

// fault returns one fault of each kind, in order.
func fault(kinds ...dokusim.Kind) []dokusim.Fault {
	faults := make([]dokusim.Fault, len(kinds))
	for i, k := range kinds {
		faults[i].Kind = k
	}
	return faults
}

// giveUp is when refunds that cannot be settled are given up here: after the
// first question that may allow a repeat, before the second.
const giveUp = 25 * time.Second

// cardScenarios are DOKU's card document and docs/doku-api.md, "Classification of
// refund answers: cards", row by row.
var cardScenarios = []scenario{
	{
		name: "a full refund succeeds", channel: channel.CreditCard, payment: dokusim.Payment{Amount: amount},
		want: paidAtOnce("FULL_REFUND"),
	},
	{
		name: "a partial refund succeeds", channel: channel.CreditCard, payment: dokusim.Payment{Amount: 3 * amount},
		want: paidAtOnce("PARTIAL_REFUND"),
	},
	{
		name: "a void before settlement succeeds", channel: channel.CreditCard,
		payment: dokusim.Payment{Amount: amount, Unsettled: true}, want: paidAtOnce("VOID"),
	},
	{
		name: "a full refund by people counts as success", channel: channel.CreditCard,
		payment: dokusim.Payment{Amount: amount, Manual: true}, want: paidAtOnce("MANUAL_FULL_REFUND"),
	},
	{
		name: "a partial refund by people counts as success", channel: channel.CreditCard,
		payment: dokusim.Payment{Amount: 3 * amount, Manual: true}, want: paidAtOnce("MANUAL_PARTIAL_REFUND"),
	},

	{
		name: "FAILED ends it with one call and no retry", channel: channel.CreditCard,
		payment: dokusim.Payment{Amount: 3 * amount, Unsettled: true}, deadline: giveUp,
		want: outcome{path: "sending failed", attempts: 1, status: refund.Failed, evidence: refund.ByResponse, source: jobs.SourceDOKU, code: "PAYMENT_FAILED", refundType: "PARTIAL_REFUND"},
	},
	{
		name: "more than was paid is refused for good on the first send", channel: channel.CreditCard,
		payment: dokusim.Payment{Amount: amount - 1}, deadline: giveUp,
		want: outcome{path: "sending failed", attempts: 1, status: refund.Failed, evidence: refund.ByResponse, source: jobs.SourceDOKU, code: "PAYMENT_FAILED", refundType: "FULL_REFUND"},
	},
	{
		name: "a malformed request is refused for good", channel: channel.CreditCard, deadline: giveUp,
		refunds: respond(400, -1, `{"error":{"code":"INVALID_PARAMETER","message":"refund.amount","type":"Invalid Parameter"}}`),
		want:    refused("INVALID_PARAMETER"),
	},

	{
		name: "a 500 after the commit is paid once and found", channel: channel.CreditCard, refunds: fault(dokusim.ErrorAfter),
		want: foundPaid(),
	},
	{
		name: "a 503 after the commit is paid once and found", channel: channel.CreditCard,
		refunds: []dokusim.Fault{{Kind: dokusim.ErrorAfter, Status: 503}}, want: foundPaid(),
	},
	{
		name: "a reset after the commit is paid once and found", channel: channel.CreditCard, refunds: fault(dokusim.ResetAfter),
		want: foundPaid(),
	},
	{
		name: "an answer cut short is paid once and found", channel: channel.CreditCard, refunds: fault(dokusim.Truncated),
		want: foundPaid(),
	},
	{
		name: "a page instead of an answer is paid once and found", channel: channel.CreditCard,
		refunds: fault(dokusim.HTMLAfter), want: foundPaid(),
	},
	{
		name: "an answer with a wrong signature is paid once and found", channel: channel.CreditCard,
		refunds: fault(dokusim.BadSignature), want: foundPaid(),
	},
	{
		name: "an answer without a signature is paid once and found", channel: channel.CreditCard,
		refunds: fault(dokusim.NoSignature), want: foundPaid(),
	},
	{
		name: "an answer that never comes is paid once and found", channel: channel.CreditCard, refunds: fault(dokusim.Hold),
		want: foundPaid(),
	},

	{
		name: "a 500 before the commit is sent again as the very same request", channel: channel.CreditCard,
		refunds: fault(dokusim.ErrorBefore), want: sentAgain("PARTIAL_REFUND"),
	},
	{
		name: "a reset before the commit is sent again as the very same request", channel: channel.CreditCard,
		refunds: fault(dokusim.ResetBefore), want: sentAgain("PARTIAL_REFUND"),
	},
	{
		name: "a page before the commit is sent again as the very same request", channel: channel.CreditCard,
		refunds: fault(dokusim.HTMLBefore), want: sentAgain("PARTIAL_REFUND"),
	},
	{
		name: "a redirect is not followed, and sent again as the very same request", channel: channel.CreditCard,
		refunds: fault(dokusim.Redirect), want: sentAgain("PARTIAL_REFUND"),
	},

	{
		name: "a repeat that DOKU has executed already is settled by its stored answer", channel: channel.CreditCard,
		refunds: fault(dokusim.ErrorAfter), inquiries: respond(404, -1, cardNotFound),
		want: outcome{path: "sending unknown sending succeeded", attempts: 2, status: refund.Succeeded, evidence: refund.ByReplay, refundType: "PARTIAL_REFUND", moved: 1},
	},
	{
		name: "more than was paid is no proof after a doubt", channel: channel.CreditCard,
		refunds: []dokusim.Fault{{Kind: dokusim.ResetBefore}, respond(200, 1, cardOverTotal)[0]},
		want:    outcome{path: "sending unknown sending unknown sending succeeded", attempts: 3, status: refund.Succeeded, evidence: refund.ByResponse, refundType: "PARTIAL_REFUND", moved: 1},
	},

	{
		name: "a refund in progress is asked about until it is done", channel: channel.CreditCard,
		refunds: []dokusim.Fault{{Kind: dokusim.InProgress, Looks: 2}}, want: foundPaid(),
	},
	{
		name: "a refund in progress that fails has failed", channel: channel.CreditCard, deadline: giveUp,
		refunds: []dokusim.Fault{{Kind: dokusim.InProgress, Looks: 2, Fails: true}},
		want:    outcome{path: "sending unknown failed", attempts: 1, status: refund.Failed, evidence: refund.ByInquiry, source: jobs.SourceDOKU, code: "FAILED"},
	},

	{
		name: "429 is waited out", channel: channel.CreditCard,
		refunds: []dokusim.Fault{{Kind: dokusim.TooMany, RetryAfter: time.Second}}, minWait: time.Second,
		want: retried("PARTIAL_REFUND"),
	},
	{
		name: "maintenance is waited out", channel: channel.CreditCard,
		refunds: respond(503, 1, `{"error":{"code":"MAINTENANCE_MODE","message":"back soon"}}`), want: retried("PARTIAL_REFUND"),
	},
	{
		name: "one refused signature is tried again", channel: channel.CreditCard,
		refunds: respond(400, 1, `{"error":{"code":"invalid_signature","message":"Invalid Header Signature"}}`),
		want:    retried("PARTIAL_REFUND"),
	},

	{
		name: "a used Request-Id is somebody else's refund", channel: channel.CreditCard, deadline: giveUp,
		refunds: respond(409, -1, `{"error":{"code":"DUPLICATE_REQUEST_ID","message":"used","type":"Duplicate Request"}}`),
		want:    unresolved("sending unresolved", refund.CodeIdentifierCollision, 1),
	},
	{
		name: "a Request-Id that a refusal has used up is nobody else's refund", channel: channel.CreditCard,
		deadline: giveUp + giveUp,
		refunds:  []dokusim.Fault{{Kind: dokusim.TooMany}, respond(409, -1, `{"error":{"code":"DUPLICATE_REQUEST_ID","message":"used","type":"Duplicate Request"}}`)[0]},
		want:     unresolved("sending waiting sending unresolved", refund.CodeIdentifierUsed, 2),
	},
	{
		name: "our Request-Id with another amount needs a person", channel: channel.CreditCard, deadline: giveUp,
		refunds: fault(dokusim.ErrorBefore), inquiries: respond(200, -1, cardOtherAmount),
		want: unresolved("sending unknown unresolved", refund.CodeContradictoryEvidence, 1),
	},
}
