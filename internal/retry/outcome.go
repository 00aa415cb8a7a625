package retry

import "time"

// Outcome is what one call said about the channel. The zero value is [Neutral].
type Outcome struct {
	kind       kind
	retryAfter time.Duration
}

type kind uint8

const (
	neutral kind = iota
	fine
	throttled
	unreachable
	unauthorized
	failing
)

// reasons name what opened a breaker, in the words of /readyz and the logs.
var reasons = [...]string{
	throttled: "throttled", unreachable: "unreachable", unauthorized: "unauthorized", failing: "failing",
}

// OK is any answer which shows that the other side does its work; the refusal of
// a refund is one.
func OK() Outcome { return Outcome{kind: fine} }

// Throttled is a 429, with the Retry-After that came with it, or zero.
func Throttled(retryAfter time.Duration) Outcome {
	return Outcome{kind: throttled, retryAfter: retryAfter}
}

// Unreachable is a call of which no byte could be sent.
func Unreachable() Outcome { return Outcome{kind: unreachable} }

// Unauthorized is a refusal of our own credentials.
func Unauthorized() Outcome { return Outcome{kind: unauthorized} }

// Failing is a call that was sent and got no meaning back: no answer, a 5xx, a
// page of somebody else's making. Unlike the other bad outcomes it may be the
// fault of the one subject that the call was about. retryAfter is the
// Retry-After that came with it, or zero.
func Failing(retryAfter time.Duration) Outcome {
	return Outcome{kind: failing, retryAfter: retryAfter}
}

// Neutral is a call that says nothing about the channel: it neither counts nor
// ends a row of bad ones, and as a probe it leaves the question open.
func Neutral() Outcome { return Outcome{} }

func (o Outcome) bad() bool { return o.kind >= throttled }
