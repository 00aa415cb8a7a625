package service_test

import (
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
)

// timeRoads: not_before and deadline, docs/contract.md, "Job".
var timeRoads = []road{
	{
		name: "a job past its deadline is rejected unsent", channel: channel.CreditCard, deadline: -time.Hour,
		path: "rejected", status: refund.Rejected, source: jobs.SourceWorker, code: refund.CodeDeadlineExceeded.String(),
	},
	cardDone("a job waits for its not_before", "PARTIAL_REFUND", dokusim.Payment{}).
		by("waiting sending succeeded", 1).from(4 * time.Second),
	snapDone("a SNAP job waits for its not_before", channel.DirectDebitMandiri).
		by("waiting sending succeeded", 1).from(4 * time.Second),
	snapAgain("a refund that DOKU keeps putting off fails at its deadline", channel.EmoneyOVO,
		snapSays("4030714", -1)...).until(8*time.Second).movesNothing().
		by("sending waiting failed", 1).ends(refund.Failed, "").fails(jobs.SourceWorker, refund.CodeDeadlineExceeded.String()),
	cardLost("a refund nobody can tell about is unresolved at its deadline", dokusim.Fault{Kind: dokusim.ErrorBefore}).
		asked(dokusim.Fault{Kind: dokusim.ErrorBefore, Count: -1}).until(10*time.Second).movesNothing().
		unresolved("sending unknown unresolved", refund.CodeOutcomeUnknown.String(), 1),
	snapLost("a paid refund nobody can tell about is unresolved at its deadline", channel.EmoneyDANA, dokusim.Fault{Kind: dokusim.ErrorAfter}).
		asked(dokusim.Fault{Kind: dokusim.HTMLBefore, Count: -1}).until(10*time.Second).
		unresolved("sending unknown unresolved", refund.CodeOutcomeUnknown.String(), 1),
	cardLost("a refund found missing at its deadline is not sent again", dokusim.Fault{Kind: dokusim.ErrorBefore}).
		until(10*time.Second).movesNothing().
		unresolved("sending unknown unresolved", refund.CodeOutcomeUnknown.String(), 1),
}
