package service_test

import (
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// timeScenarios: not_before and deadline, docs/contract.md, "Job".
var timeScenarios = []scenario{
	{
		name: "a job past its deadline is rejected unsent", channel: channel.CreditCard, deadline: -time.Hour,
		want: outcome{
			path: "rejected", status: refund.Rejected, source: jobs.SourceWorker, code: refund.CodeDeadlineExceeded.String(),
		},
	},
	{
		name: "a job waits for its not_before", channel: channel.CreditCard, notBefore: later,
		want: outcome{path: "waiting sending succeeded", attempts: 1, status: refund.Succeeded, evidence: refund.ByResponse, refundType: "PARTIAL_REFUND", moved: 1},
	},
	{
		name: "a SNAP job waits for its not_before", channel: channel.DirectDebitMandiri, notBefore: later,
		want: outcome{path: "waiting sending succeeded", attempts: 1, status: refund.Succeeded, evidence: refund.ByResponse, moved: 1},
	},
	{
		name: "a refund that DOKU keeps putting off fails at its deadline", channel: channel.EmoneyOVO, deadline: later,
		refunds: snapCode("4030714", -1),
		want:    outcome{path: "sending waiting failed", attempts: 1, status: refund.Failed, source: jobs.SourceWorker, code: refund.CodeDeadlineExceeded.String()},
	},
	{
		name: "a refund nobody can tell about is unresolved at its deadline", channel: channel.CreditCard,
		deadline: 10 * time.Second, refunds: fault(dokusim.ErrorBefore),
		inquiries: []dokusim.Fault{{Kind: dokusim.ErrorBefore, Count: -1}},
		want:      unresolved("sending unknown unresolved", refund.CodeOutcomeUnknown, 1),
	},
	{
		name: "a paid refund nobody can tell about is unresolved at its deadline", channel: channel.EmoneyDANA,
		deadline: 10 * time.Second, refunds: fault(dokusim.ErrorAfter),
		inquiries: []dokusim.Fault{{Kind: dokusim.HTMLBefore, Count: -1}},
		want:      outcome{path: "sending unknown unresolved", attempts: 1, status: refund.Unresolved, source: jobs.SourceWorker, code: refund.CodeOutcomeUnknown.String(), moved: 1},
	},
	{
		name: "a refund found missing at its deadline is not sent again", channel: channel.CreditCard, deadline: 10 * time.Second,
		refunds: fault(dokusim.ErrorBefore),
		want:    unresolved("sending unknown unresolved", refund.CodeOutcomeUnknown, 1),
	},
}
