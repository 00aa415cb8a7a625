package service_test

import (
	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// snapSays is an answer with nothing but a code.
func snapSays(code string, count int) []dokusim.Fault {
	status := int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	return respond(status, count, `{"responseCode":"`+code+`","responseMessage":"as scripted"}`)
}

const snapOtherAmount = `{"responseCode":"2005500","responseMessage":"Successful","latestTransactionStatus":"00",` +
	`"refundHistory":[{"partnerRefundNo":"{partner}","refundAmount":{"value":"9999.00","currency":"IDR"},"refundStatus":"00"}]}`

// snapDone is a refund that the first answer settles.
func snapDone(name string, ch channel.Channel) road {
	return road{
		name: name, channel: ch, path: "sending succeeded", status: refund.Succeeded,
		evidence: refund.ByResponse, attempts: 1, calls: 1, moved: 1,
	}
}

func snapLost(name string, ch channel.Channel, faults ...dokusim.Fault) road {
	return snapDone(name, ch).met(faults...).by("sending unknown succeeded", 1).ends(refund.Succeeded, refund.ByInquiry)
}

func snapNotRun(name string, ch channel.Channel, faults ...dokusim.Fault) road {
	return snapDone(name, ch).met(faults...).by("sending unknown sending succeeded", 2)
}

func snapAgain(name string, ch channel.Channel, faults ...dokusim.Fault) road {
	return snapDone(name, ch).met(faults...).by("sending waiting sending succeeded", 2)
}

// snapNo is refused by a code, each time.
func snapNo(name string, ch channel.Channel, code string) road {
	return snapFailed(name, ch, code).met(snapSays(code, -1)...)
}

func snapFailed(name string, ch channel.Channel, code string) road {
	return snapDone(name, ch).by("sending failed", 1).
		ends(refund.Failed, refund.ByResponse).fails(jobs.SourceDOKU, code).movesNothing().until(giveUp)
}

// snapRoads: DOKU's direct debit document and docs/doku-api.md, "Classification of refund answers: SNAP".
var snapRoads = []road{
	snapDone("Mandiri succeeds", channel.DirectDebitMandiri),
	snapDone("Allo succeeds under a number of its length", channel.DirectDebitAllo),
	snapDone("OVO succeeds with a customer token", channel.EmoneyOVO),
	snapDone("ShopeePay succeeds without numbers in the answer", channel.EmoneyShopeePay),

	snapFailed("more than was paid is refused for good on the first send", channel.EmoneyDANA, "4040713").
		paidFrom(dokusim.Payment{Amount: roadAmount - 1}),
	snapNo("a malformed field is refused for good", channel.DirectDebitMandiri, "4000701"),
	snapNo("what is not permitted is refused for good", channel.DirectDebitBRI, "4030701"),
	snapNo("what was not found is refused for good on the first send", channel.EmoneyOVO, "4040701"),
	snapNo("what is not supported is refused for good", channel.EmoneyShopeePay, "4050700"),

	snapLost("a 500 after the commit is paid once and found", channel.DirectDebitMandiri, dokusim.Fault{Kind: dokusim.ErrorAfter}),
	snapLost("a 504 after the commit is paid once and found", channel.DirectDebitAllo, dokusim.Fault{Kind: dokusim.ErrorAfter, Status: 504}),
	snapLost("a reset after the commit is paid once and found", channel.EmoneyDANA, dokusim.Fault{Kind: dokusim.ResetAfter}),
	snapLost("an answer cut short is paid once and found", channel.EmoneyOVO, dokusim.Fault{Kind: dokusim.Truncated}),
	snapLost("a page instead of an answer is paid once and found", channel.DirectDebitBRI, dokusim.Fault{Kind: dokusim.HTMLAfter}),
	snapLost("an answer that never comes is paid once and found", channel.EmoneyShopeePay, dokusim.Fault{Kind: dokusim.Hold}),
	snapLost("a success of another amount is not believed", channel.EmoneyDANA, dokusim.Fault{
		Kind: dokusim.RespondAfter, Body: `{"responseCode":"2000700","refundAmount":{"value":"9999.00","currency":"IDR"}}`,
	}),
	snapLost("done already is verified", channel.DirectDebitMandiri, dokusim.Fault{
		Kind: dokusim.RespondAfter, Status: 400, Body: `{"responseCode":"4000703","responseMessage":"done"}`,
	}),

	snapNotRun("a 500 before the commit is sent again under the same numbers", channel.DirectDebitMandiri, dokusim.Fault{Kind: dokusim.ErrorBefore}),
	snapNotRun("a reset before the commit is sent again under the same numbers", channel.EmoneyOVO, dokusim.Fault{Kind: dokusim.ResetBefore}),
	snapNotRun("a page before the commit is sent again under the same numbers", channel.EmoneyDANA, dokusim.Fault{Kind: dokusim.HTMLBefore}),
	snapNotRun("a customer token refused after a doubt is no end", channel.DirectDebitBRI,
		dokusim.Fault{Kind: dokusim.ResetBefore}, snapSays("4010702", 1)[0]).
		by("sending unknown sending unknown sending succeeded", 3),
	snapNotRun("more than was paid is no proof after a doubt", channel.EmoneyShopeePay,
		dokusim.Fault{Kind: dokusim.ResetBefore}, snapSays("4040713", 1)[0]).
		by("sending unknown sending unknown sending succeeded", 3),

	snapLost("a refund in progress is asked about until it is done", channel.DirectDebitAllo, dokusim.Fault{Kind: dokusim.InProgress, Looks: 2}),
	snapLost("a refund in progress that fails has failed", channel.DirectDebitMandiri, dokusim.Fault{Kind: dokusim.InProgress, Looks: 2, Fails: true}).
		by("sending unknown failed", 1).ends(refund.Failed, refund.ByInquiry).fails(jobs.SourceDOKU, "FAILED").movesNothing().until(giveUp),

	snapNo("a status 06 inside of a 200 is a no", channel.EmoneyShopeePay, "2000700").fails(jobs.SourceDOKU, "FAILED").
		met(respond(200, -1, `{"responseCode":"2000700","responseMessage":"Successful","additionalInfo":{"latestTransactionStatus":"06"}}`)...),

	snapAgain("429 is waited out, and followed by a fresh X-EXTERNAL-ID", channel.DirectDebitBRI, dokusim.Fault{Kind: dokusim.TooMany, Remember: true}).
		burns().until(giveUp + giveUp),
	snapAgain("a short balance is waited out", channel.EmoneyOVO, snapSays("4030714", 1)...),

	snapFailed("a refused customer token ends it with one call", channel.DirectDebitMandiri, "").
		withToken("expired-token").ends(refund.Failed, refund.ByResponse).fails(jobs.SourceWorker, refund.CodeCustomerTokenInvalid.String()),

	snapNo("a used X-EXTERNAL-ID is somebody else's refund", channel.EmoneyDANA, "4090700").
		unresolved("sending unresolved", refund.CodeIdentifierCollision.String(), 1),
	snapNo("a used partnerRefundNo is somebody else's refund", channel.DirectDebitBRI, "4090701").
		unresolved("sending unresolved", refund.CodeIdentifierCollision.String(), 1),
	snapFailed("a partnerRefundNo that a refusal has used up is nobody else's refund", channel.DirectDebitBRI, "").
		met(dokusim.Fault{Kind: dokusim.TooMany}, snapSays("4090701", -1)[0]).
		unresolved("sending waiting sending unresolved", refund.CodeIdentifierUsed.String(), 2).until(giveUp + giveUp),
	snapFailed("our number with another amount needs a person", channel.EmoneyShopeePay, "").
		met(dokusim.Fault{Kind: dokusim.ErrorBefore}).asked(respond(200, -1, snapOtherAmount)...).
		unresolved("sending unknown unresolved", refund.CodeContradictoryEvidence.String(), 1),
	snapLost("a lying inquiry costs no second payment", channel.EmoneyDANA, dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(snapSays("4045501", -1)...).until(giveUp).
		unresolved("sending unknown sending unknown unresolved", refund.CodeOutcomeUnknown.String(), 2),
}

var tokenRoad = snapAgain("one refused B2B token is renewed, and the call made again", channel.DirectDebitCIMB, snapSays("4010701", 1)...)
