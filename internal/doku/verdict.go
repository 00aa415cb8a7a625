package doku

import "time"

// Class says what an answer to a refund call proves. The zero value is
// [Unknown]: what no table row names proves nothing (design.md §7).
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

// Evidence names how a proof was learned (contract.md §3, "evidence").
type Evidence string

// The two kinds of evidence that an answer to a refund call can be.
const (
	ByResponse Evidence = "response"
	ByReplay   Evidence = "replay" // a 409 that carries the stored answer to our own request
)

// Verdict is what became of one refund call. Every call yields one: there is no
// error beside it, for an error would only be another way to say Unknown.
type Verdict struct {
	Class      Class
	Cause      Cause
	Evidence   Evidence      // set where DOKU answered and Class is not Unknown
	RetryAfter time.Duration // as DOKU asked; 0 where it did not
	Said       Said
	Mismatches []string // names of answer fields that are present and not ours, from a closed set
	Unlisted   bool     // Said.Code stands in no table
	Problem    string   // why the class is what it is, in our words, for logs; never holds a secret or a body
}

// Said is what DOKU's answer held, kept for the record and the result.
type Said struct {
	HTTPStatus      int    // 0: no answer
	Code            string // error.code or responseCode
	Message         string // refund.message or responseMessage
	ErrorMessage    string // error.message (cards)
	Type            string // error.type (cards)
	RefundType      string // refund.type (cards); of an inquiry VOID or nothing
	ApprovalCode    string
	RefundNo        string // SNAP
	ReferenceNo     string // SNAP originalReferenceNo
	RefundTime      string // SNAP, as it came: the sample has no time zone
	PartnerRefundNo string // SNAP, as DOKU echoed it
}

// Finding says what an answer to a status inquiry proves (doku-api.md §5). The
// zero value is [NoAnswer].
type Finding uint8

// The seven findings.
const (
	NoAnswer          Finding = iota
	FoundSuccess              // proof: yes
	FoundFailure              // proof: no
	FoundRunning              // our refund, not finished
	NotFound                  // not there; never proof that it did not run
	Contradiction             // our identifier with another amount or invoice
	NotFoundNoHistory         // SNAP: not there, said by an absent or empty refund history: allows a repeat within the day only
)

// Inquiry is what one status inquiry found.
type Inquiry struct {
	Finding    Finding
	Cause      Cause // Credentials, Throttled, NotWritten, Unavailable, Failing or Plain, for the breaker
	RetryAfter time.Duration
	Said       Said
	Unlisted   bool // Said.Code stands in no table
	Problem    string
}
