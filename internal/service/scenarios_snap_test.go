package service_test

import (
	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// snapCode is an answer with nothing but a code.
func snapCode(code string, count int) []dokusim.Fault {
	status := int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	return respond(status, count, `{"responseCode":"`+code+`","responseMessage":"as scripted"}`)
}

const snapOtherAmount = `{"responseCode":"2005500","responseMessage":"Successful","latestTransactionStatus":"00",` +
	`"refundHistory":[{"partnerRefundNo":"{partner}","refundAmount":{"value":"9999.00","currency":"IDR"},"refundStatus":"00"}]}`

// snapScenarios: DOKU's direct debit document and docs/doku-api.md, "Classification of refund answers: SNAP".
var snapScenarios = []scenario{
	{name: "Mandiri succeeds", channel: channel.DirectDebitMandiri, want: paidAtOnce("")},
	{name: "Allo succeeds under a number of its length", channel: channel.DirectDebitAllo, want: paidAtOnce("")},
	{name: "OVO succeeds with a customer token", channel: channel.EmoneyOVO, want: paidAtOnce("")},
	{name: "ShopeePay succeeds without numbers in the answer", channel: channel.EmoneyShopeePay, want: paidAtOnce("")},

	{
		name: "more than was paid is refused for good on the first send", channel: channel.EmoneyDANA,
		payment: dokusim.Payment{Amount: amount - 1}, deadline: giveUp, want: refused("4040713"),
	},
	{
		name: "a malformed field is refused for good", channel: channel.DirectDebitMandiri, deadline: giveUp,
		refunds: snapCode("4000701", -1), want: refused("4000701"),
	},
	{
		name: "what is not permitted is refused for good", channel: channel.DirectDebitBRI, deadline: giveUp,
		refunds: snapCode("4030701", -1), want: refused("4030701"),
	},
	{
		name: "what was not found is refused for good on the first send", channel: channel.EmoneyOVO, deadline: giveUp,
		refunds: snapCode("4040701", -1), want: refused("4040701"),
	},
	{
		name: "what is not supported is refused for good", channel: channel.EmoneyShopeePay, deadline: giveUp,
		refunds: snapCode("4050700", -1), want: refused("4050700"),
	},

	{
		name: "a 500 after the commit is paid once and found", channel: channel.DirectDebitMandiri,
		refunds: fault(dokusim.ErrorAfter), want: foundPaid(),
	},
	{
		name: "a 504 after the commit is paid once and found", channel: channel.DirectDebitAllo,
		refunds: []dokusim.Fault{{Kind: dokusim.ErrorAfter, Status: 504}}, want: foundPaid(),
	},
	{
		name: "a reset after the commit is paid once and found", channel: channel.EmoneyDANA, refunds: fault(dokusim.ResetAfter),
		want: foundPaid(),
	},
	{
		name: "an answer cut short is paid once and found", channel: channel.EmoneyOVO, refunds: fault(dokusim.Truncated),
		want: foundPaid(),
	},
	{
		name: "a page instead of an answer is paid once and found", channel: channel.DirectDebitBRI,
		refunds: fault(dokusim.HTMLAfter), want: foundPaid(),
	},
	{
		name: "an answer that never comes is paid once and found", channel: channel.EmoneyShopeePay,
		refunds: fault(dokusim.Hold), want: foundPaid(),
	},
	{
		name: "a success of another amount is not believed", channel: channel.EmoneyDANA,
		refunds: []dokusim.Fault{{
			Kind: dokusim.RespondAfter, Body: `{"responseCode":"2000700","refundAmount":{"value":"9999.00","currency":"IDR"}}`,
		}},
		want: foundPaid(),
	},
	{
		name: "done already is verified", channel: channel.DirectDebitMandiri,
		refunds: []dokusim.Fault{{
			Kind: dokusim.RespondAfter, Status: 400, Body: `{"responseCode":"4000703","responseMessage":"done"}`,
		}},
		want: foundPaid(),
	},

	{
		name: "a 500 before the commit is sent again under the same numbers", channel: channel.DirectDebitMandiri,
		refunds: fault(dokusim.ErrorBefore), want: sentAgain(""),
	},
	{
		name: "a reset before the commit is sent again under the same numbers", channel: channel.EmoneyOVO,
		refunds: fault(dokusim.ResetBefore), want: sentAgain(""),
	},
	{
		name: "a page before the commit is sent again under the same numbers", channel: channel.EmoneyDANA,
		refunds: fault(dokusim.HTMLBefore), want: sentAgain(""),
	},
	{
		name: "a customer token refused after a doubt is no end", channel: channel.DirectDebitBRI,
		refunds: []dokusim.Fault{{Kind: dokusim.ResetBefore}, snapCode("4010702", 1)[0]},
		want:    outcome{path: "sending unknown sending unknown sending succeeded", attempts: 3, status: refund.Succeeded, evidence: refund.ByResponse, moved: 1},
	},
	{
		name: "more than was paid is no proof after a doubt", channel: channel.EmoneyShopeePay,
		refunds: []dokusim.Fault{{Kind: dokusim.ResetBefore}, snapCode("4040713", 1)[0]},
		want:    outcome{path: "sending unknown sending unknown sending succeeded", attempts: 3, status: refund.Succeeded, evidence: refund.ByResponse, moved: 1},
	},

	{
		name: "a refund in progress is asked about until it is done", channel: channel.DirectDebitAllo,
		refunds: []dokusim.Fault{{Kind: dokusim.InProgress, Looks: 2}}, want: foundPaid(),
	},
	{
		name: "a refund in progress that fails has failed", channel: channel.DirectDebitMandiri, deadline: giveUp,
		refunds: []dokusim.Fault{{Kind: dokusim.InProgress, Looks: 2, Fails: true}},
		want:    outcome{path: "sending unknown failed", attempts: 1, status: refund.Failed, evidence: refund.ByInquiry, source: jobs.SourceDOKU, code: "FAILED"},
	},

	{
		name: "a status 06 inside of a 200 is a no", channel: channel.EmoneyShopeePay, deadline: giveUp,
		refunds: respond(200, -1, `{"responseCode":"2000700","responseMessage":"Successful","additionalInfo":{"latestTransactionStatus":"06"}}`),
		want:    refused("FAILED"),
	},

	{
		name: "429 is waited out, and followed by a fresh X-EXTERNAL-ID", channel: channel.DirectDebitBRI,
		deadline: giveUp + giveUp, refunds: []dokusim.Fault{{Kind: dokusim.TooMany, Remember: true}}, refusalUsesNumber: true,
		want: retried(""),
	},
	{name: "a short balance is waited out", channel: channel.EmoneyOVO, refunds: snapCode("4030714", 1), want: retried("")},

	{
		name: "a refused customer token ends it with one call", channel: channel.DirectDebitMandiri, token: "expired-token",
		deadline: giveUp,
		want:     outcome{path: "sending failed", attempts: 1, status: refund.Failed, evidence: refund.ByResponse, source: jobs.SourceWorker, code: refund.CodeCustomerTokenInvalid.String()},
	},

	{
		name: "a used X-EXTERNAL-ID is somebody else's refund", channel: channel.EmoneyDANA, deadline: giveUp,
		refunds: snapCode("4090700", -1), want: unresolved("sending unresolved", refund.CodeIdentifierCollision, 1),
	},
	{
		name: "a used partnerRefundNo is somebody else's refund", channel: channel.DirectDebitBRI, deadline: giveUp,
		refunds: snapCode("4090701", -1), want: unresolved("sending unresolved", refund.CodeIdentifierCollision, 1),
	},
	{
		name: "a partnerRefundNo that a refusal has used up is nobody else's refund", channel: channel.DirectDebitBRI,
		deadline: giveUp + giveUp, refunds: []dokusim.Fault{{Kind: dokusim.TooMany}, snapCode("4090701", -1)[0]},
		want: unresolved("sending waiting sending unresolved", refund.CodeIdentifierUsed, 2),
	},
	{
		name: "our number with another amount needs a person", channel: channel.EmoneyShopeePay, deadline: giveUp,
		refunds: fault(dokusim.ErrorBefore), inquiries: respond(200, -1, snapOtherAmount),
		want: unresolved("sending unknown unresolved", refund.CodeContradictoryEvidence, 1),
	},
	{
		name: "a lying inquiry costs no second payment", channel: channel.EmoneyDANA, deadline: giveUp,
		refunds: fault(dokusim.ErrorAfter), inquiries: snapCode("4045501", -1),
		want: outcome{path: "sending unknown sending unknown unresolved", attempts: 2, status: refund.Unresolved, source: jobs.SourceWorker, code: refund.CodeOutcomeUnknown.String(), moved: 1},
	},
}

var tokenScenario = scenario{
	name: "one refused B2B token is renewed, and the call made again", channel: channel.DirectDebitCIMB,
	refunds: snapCode("4010701", 1), want: retried(""),
}
