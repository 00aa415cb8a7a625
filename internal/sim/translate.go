package sim

import (
	"time"

	"refundworker/internal/doku"
	"refundworker/internal/jobs"
	"refundworker/internal/refund"
	"refundworker/internal/retry"
)

// What stands here is the worker's own translation between rooms: from verdicts
// to answers, from answers to what they say about the channel, and to delays.

var answers = map[doku.Class]refund.Answer{
	doku.Succeeded:   refund.Success,
	doku.Failed:      refund.DefiniteNo,
	doku.NotExecuted: refund.NotExecuted,
}

func answer(v doku.Verdict) refund.Answer {
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

var findings = map[doku.Finding]refund.Finding{
	doku.FoundSuccess:  refund.FoundSuccess,
	doku.FoundFailure:  refund.FoundFailure,
	doku.FoundRunning:  refund.FoundRunning,
	doku.NotFound:      refund.NotFound,
	doku.Contradiction: refund.Contradiction,
}

var codes = map[string]refund.Why{
	jobs.CodeInvalidJob: refund.WhyInvalidJob,
	jobs.CodeCardNumber: refund.WhyCardNumber,
}

func said(s doku.Said) *refund.Said {
	if s == (doku.Said{}) {
		return nil
	}
	return &refund.Said{
		HTTPStatus: s.HTTPStatus, Code: s.Code, Message: s.Message, ErrorMessage: s.ErrorMessage, Type: s.Type,
		RefundType: s.RefundType, ApprovalCode: s.ApprovalCode, RefundNo: s.RefundNo, ReferenceNo: s.ReferenceNo,
		RefundTime: s.RefundTime,
	}
}

// evidence names how a settled refund was proven.
func evidence(proof bool, event refund.Event) refund.Evidence {
	switch {
	case !proof:
		return ""
	case event.Kind == refund.Asked:
		return refund.ByInquiry
	case event.Replay:
		return refund.ByReplay
	}
	return refund.ByResponse
}

func report(cause doku.Cause, retryAfter time.Duration, status int) retry.Outcome {
	switch {
	case cause == doku.Throttled:
		return retry.Throttled(retryAfter)
	case cause == doku.Credentials:
		return retry.Unauthorized()
	case cause == doku.NotWritten:
		return retry.Unreachable()
	case status != 0:
		return retry.OK()
	}
	return retry.Neutral()
}

func (h *handling) tell(o retry.Outcome) {
	if h.permit != nil {
		h.permit.Report(o)
		h.permit = nil
	}
}

const longWait = 4 // doublings

// delayAfter is how long a refund waits after a call that was not executed.
func (h *handling) delayAfter(v doku.Verdict) time.Duration {
	n := int(h.entry.record.Delays) + 1
	switch {
	case v.Class == doku.NotExecuted && v.Cause == doku.Credentials && h.l.breaker.OpenUntil().IsZero():
		return 0
	case v.RetryAfter > 0:
		return h.untilBreaker(h.p.retry.After(v.RetryAfter))
	case v.Cause == doku.Unavailable:
		return h.untilBreaker(h.p.retry.Jittered(n + longWait))
	}
	return h.untilBreaker(h.p.retry.Jittered(n))
}

func (h *handling) backoff(retryAfter time.Duration) time.Duration {
	if retryAfter > 0 {
		return h.p.retry.After(retryAfter)
	}
	return h.p.retry.Jittered(int(h.entry.record.Delays) + 1)
}

func (h *handling) untilBreaker(d time.Duration) time.Duration {
	until := h.l.breaker.OpenUntil()
	if until.IsZero() {
		return d
	}
	return max(d, until.Sub(h.p.clock().Time()))
}
