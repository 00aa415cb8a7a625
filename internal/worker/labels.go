package worker

import "refundworker.example/refundworker/internal/refund"

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
