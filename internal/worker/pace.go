package worker

import (
	"net/http"
	"time"

	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

// Report turns the end of a call into what it says about the channel. status is
// that of DOKU's answer, 0 where there was none. What has no definite meaning
// counts as failing: during an outage every further refund that is sent would end
// up unknown.
func Report(cause doku.Cause, retryAfter time.Duration, status int) retry.Outcome {
	switch {
	case cause == doku.Throttled:
		return retry.Throttled(retryAfter)
	case cause == doku.Credentials:
		return retry.Unauthorized()
	case cause == doku.NotWritten:
		return retry.Unreachable()
	case cause == doku.TooLate, cause == doku.NoToken, cause == doku.NoSocket:
		return retry.Neutral() // the call never left, for reasons of our own
	case cause == doku.Failing, status == 0, status >= http.StatusInternalServerError:
		return retry.Failing(retryAfter)
	}
	return retry.OK()
}

// Delays is when a refund is tried again, on a channel with this breaker.
type Delays struct {
	Retry   retry.Policy
	Breaker *retry.Breaker
	Now     func() time.Time
	Taken   int32            // retry delays taken so far
	Before  *refund.Response // what DOKU said last before this call; nil: nothing
}

// longWait is how many doublings the delays of a channel that refuses "not now"
// are ahead: a cut-off or a short balance lasts hours.
const longWait = 4

// After is how long a refund waits after a call that was not executed. After a
// first 401, its own or another refund's, the token is new, and the next try
// comes at once.
func (p Delays) After(v doku.RefundOutcome) time.Duration {
	first := v.Cause == doku.NoToken || v.Cause == doku.Credentials && !p.saidBefore(v)
	switch {
	case v.Class == doku.NotExecuted && first && p.Breaker.OpenUntil().IsZero():
		return 0
	case v.RetryAfter == 0 && v.Cause == doku.Unavailable:
		return p.untilBreaker(p.Retry.Jittered(int(p.Taken) + 1 + longWait))
	}
	return p.Next(v.RetryAfter)
}

// saidBefore reports whether DOKU refused this refund in the same way before.
// While others are served the breaker stays closed, and a refund that is refused
// by itself would be sent again and again without a pause.
func (p Delays) saidBefore(v doku.RefundOutcome) bool {
	return p.Before != nil && p.Before.HTTPStatus == v.Response.HTTPStatus && p.Before.Code == clean(v.Response.Code)
}

// Next is the refund's next retry delay, or what DOKU asked for.
func (p Delays) Next(retryAfter time.Duration) time.Duration {
	if retryAfter > 0 {
		return p.untilBreaker(p.Retry.After(retryAfter))
	}
	return p.untilBreaker(p.Retry.Jittered(int(p.Taken) + 1))
}

// untilBreaker lengthens a delay that would end while the breaker is open: the
// refund would only come back to be turned away.
func (p Delays) untilBreaker(d time.Duration) time.Duration {
	until := p.Breaker.OpenUntil()
	if until.IsZero() {
		return d
	}
	return max(d, until.Sub(p.Now()))
}
