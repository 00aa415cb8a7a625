package doku

import (
	"net/http"
	"time"

	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

// Class says what an answer to a refund call proves. The zero value is
// [Unknown]: what no table row names proves nothing (docs/doku-api.md,
// "Classification of refund answers: cards").
type Class uint8

// The five classes.
const (
	Unknown     Class = iota // the refund may or may not have been executed
	Succeeded                // DOKU says SUCCESS, and every check on the answer passed
	Failed                   // DOKU says FAILED, or a definite no
	NotExecuted              // this very request was not executed; it may be sent again
	InProgress               // accepted, not finished
)

// Cause refines a [Class] where the state machine or the breaker treats
// answers of one class differently.
type Cause uint8

// Causes. Each is only ever set together with the class named beside it.
const (
	Plain         Cause = iota
	NotWritten          // NotExecuted: no byte of the request left (no connection, handshake failed, or the context ended before)
	TooLate             // NotExecuted: SendBy had passed at the last look before the first byte
	Credentials         // NotExecuted: 401 and its equivalents, and what else is our configuration's fault; the B2B token has been dropped
	CustomerToken       // NotExecuted: 401/02, 401/04; the customer's token was refused
	Throttled           // NotExecuted: 429, TOO_MANY_REQUESTS
	Unavailable         // NotExecuted: maintenance, cut-off, low balance, limits, routing
	Collision           // Unknown: the identifier was used before, and no stored answer to our very request is there
	NoToken             // NotExecuted: another call's 401 dropped the B2B token since Prepare; nothing was written
	NoSocket            // NotExecuted, and inquiries: this machine had no file descriptor or port left for a connection; nothing was written
	Failing             // Unknown, and inquiries: a 5xx, no answer, an answer that is not of DOKU's making, or a code that no table lists
)

// RefundOutcome is what became of one refund call. Every call yields one: there
// is no error beside it, for an error would only be another way to say Unknown.
type RefundOutcome struct {
	Class      Class
	Cause      Cause
	Evidence   refund.Evidence // set where DOKU answered and Class is not Unknown
	RetryAfter time.Duration   // as DOKU asked; 0 where it did not
	Response   refund.Response
	Mismatches []string // names of answer fields that are present and not ours, from a closed set
	Unlisted   bool     // Said.Code stands in no table
	Problem    string   // why the class is what it is, in our words, for logs; never holds a secret or a body
}

// InquiryOutcome is what one status inquiry found.
type InquiryOutcome struct {
	Finding    refund.Finding
	Cause      Cause // Credentials, Throttled, NotWritten, Unavailable, Failing or Plain, for the breaker
	RetryAfter time.Duration
	Response   refund.Response
	Unlisted   bool // Said.Code stands in no table
	Problem    string
}

// Answer returns what the outcome proves to the state machine.
func (o RefundOutcome) Answer() refund.Answer {
	switch {
	case o.Class == NotExecuted && o.Cause == CustomerToken:
		return refund.CustomerTokenRefused
	case o.Class == NotExecuted && o.Evidence == refund.ByReplay:
		return refund.ReplayedRefusal
	case o.Class == Unknown && o.Cause == Collision:
		return refund.Collision
	}
	return answers[o.Class]
}

// answers of a class that is not in the table prove nothing.
var answers = map[Class]refund.Answer{
	Succeeded:   refund.Success,
	Failed:      refund.DefiniteNo,
	NotExecuted: refund.NotExecuted,
}

// Channel returns what the outcome says about the channel.
func (o RefundOutcome) Channel() retry.Outcome {
	return channelOutcome(o.Cause, o.RetryAfter, o.Response.HTTPStatus)
}

// Channel returns what the outcome says about the channel.
func (o InquiryOutcome) Channel() retry.Outcome {
	return channelOutcome(o.Cause, o.RetryAfter, o.Response.HTTPStatus)
}

// Channel returns what the error says about the channel.
func (e *PrepareError) Channel() retry.Outcome {
	return channelOutcome(e.Cause, e.RetryAfter, e.HTTPStatus)
}

// channelOutcome takes the HTTP status of DOKU's answer, 0 where there was none.
// What has no definite meaning counts as failing: during an outage every further
// refund that is sent would end up unknown.
func channelOutcome(cause Cause, retryAfter time.Duration, status int) retry.Outcome {
	switch {
	case cause == Throttled:
		return retry.Throttled(retryAfter)
	case cause == Credentials:
		return retry.Unauthorized()
	case cause == NotWritten:
		return retry.Unreachable()
	case cause == TooLate, cause == NoToken, cause == NoSocket:
		return retry.Neutral() // no byte was sent, for reasons of our own
	case cause == Failing, status == 0, status >= http.StatusInternalServerError:
		return retry.Failing(retryAfter)
	}
	return retry.OK()
}

// Delay returns how long a refund waits after this outcome, on a channel with
// these delays. before is what DOKU answered before this call, nil for nothing.
func (o RefundOutcome) Delay(d retry.Delays, before *refund.Response) time.Duration {
	// After a first 401, this refund's or another's, the token is new, and the
	// next try comes at once.
	renewed := o.Cause == NoToken || o.Cause == Credentials && !o.repeats(before)
	switch {
	case o.Class == NotExecuted && renewed && !d.Open():
		return 0
	case o.RetryAfter == 0 && o.Cause == Unavailable:
		return d.Long()
	}
	return d.Next(o.RetryAfter)
}

// repeats reports whether DOKU refused this refund in the same way before.
// While others are served the breaker stays closed, and a refund that is refused
// by itself would be sent again and again without a pause.
func (o RefundOutcome) repeats(before *refund.Response) bool {
	return before != nil && before.HTTPStatus == o.Response.HTTPStatus && before.Code == o.Response.Code
}
