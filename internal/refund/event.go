package refund

import "time"

// Kind says what happened.
type Kind uint8

// The kinds of event. The last four come from an operator.
const (
	Delivered        Kind = iota // a job or a wait was delivered: look at this refund
	SendEnded                    // DOKU answered a refund call, or the call ended without an answer
	InquiryEnded                 // a status inquiry ended
	Cancelled                    // operator: give up what was never sent
	BroughtForward               // operator: look at a waiting refund now
	OperatorInquired             // operator: the end of a status inquiry made by hand
	OperatorVerdict              // operator: says what became of an unresolved refund
)

// JobKind says what kind of message was delivered.
type JobKind uint8

// The kinds of job.
const (
	ValidJob   JobKind = iota
	InvalidJob         // refund_id can be read, some rule is broken
	WakeUp             // made from the ledger, not by a producer
)

// Readiness says whether all that a send needs besides the job is available: the
// B2B token, a place under the rate limit, a closed breaker.
type Readiness uint8

// The degrees of readiness. They are found out only when a call is due, for a
// token renewed for nothing is a call to DOKU for nothing.
const (
	NotChecked Readiness = iota
	Ready
	NotReady
)

// Answer is what became of a refund call, as far as a decision needs it.
type Answer uint8

// The answers, by what they prove. The zero value proves nothing.
const (
	NoProof              Answer = iota
	Success                     // DOKU says SUCCESS
	DefiniteNo                  // DOKU says FAILED, or answered a definite no
	NotExecuted                 // proven not executed
	ReplayedRefusal             // a 409 that replays a refusal of our very request
	CustomerTokenRefused        // not executed, and not worth repeating
	Collision                   // a 409 without a stored answer to our request
)

// Finding is what a status inquiry proves (docs/doku-api.md, "Classification of
// inquiry answers").
type Finding uint8

// The findings. The zero value proves nothing.
const (
	NoAnswer Finding = iota
	FoundSuccess
	FoundFailure
	FoundRunning
	NotFound
	Contradiction
	NotFoundNoHistory // not found, by an absent or empty history: allows a repeat within the day only
)

var findingNames = [...]string{
	"no_answer", "found_success", "found_failure", "found_running", "not_found", "contradiction", "not_found_no_history",
}

// String names the finding as logs do.
func (f Finding) String() string { return findingNames[f] }

// Event is one thing that happened to a refund. Fields that do not belong to
// its kind stay zero.
type Event struct {
	Kind Kind

	// Delivered; NoCustomer and Ready stay set when the handling continues to
	// Asked.
	Job        JobKind
	Same       bool      // the content of the record, or the very bytes of the broken job recorded
	Code       Code      // Broken: which of the contract's two codes
	NoCustomer bool      // the channel requires a customer token and this delivery has none
	NotBefore  Time      // as the job says; read only where there is no record
	Deadline   Time      // likewise; 0: the default
	Ready      Readiness //

	// SendEnded and Asked.
	Own     bool // the record has not moved since this very handling appended or read it
	Answer  Answer
	Replay  bool // the answer is the stored one of an earlier request
	Finding Finding
	AskedAt Time // when the inquiry began

	Verdict State // OperatorVerdict: Succeeded or Failed

	Delay time.Duration // how long the next retry delay is
	Nonce Nonce         // fresh, for a record that begins an attempt
}

// Repeat is REPEAT_AFTER_UNKNOWN: whether a refund that may have been executed
// may be sent again, once an inquiry after ask_from does not find it.
type Repeat uint8

// The values of REPEAT_AFTER_UNKNOWN. The zero value never repeats.
const (
	RepeatNever        Repeat = iota
	RepeatSameDay             // until the day ends in which the first unknown send was made
	RepeatTrustInquiry        // until the deadline: the inquiry alone keeps money from moving twice
)

// Policy holds the settings that decisions depend on.
type Policy struct {
	Timeout       time.Duration // DOKU_TIMEOUT
	Quiet         time.Duration // INQUIRY_DELAY
	RetryDeadline time.Duration
	Repeat        Repeat
}

// Effect is one thing to do. The effects of a row are done in order; one that
// cannot be done ends the execution without acknowledging the message.
type Effect uint8

// The effects.
const (
	Append      Effect = iota // store [Machine.Next], guarded by the record that was decided from
	Prepare                   // get ready for a call, then observe the same event with its Ready set
	Send                      // send the refund request of the record just appended, then observe SendEnded
	Inquire                   // make a status inquiry, then observe InquiryEnded
	Schedule                  // store a message that is delivered at [Machine.At]
	Ack                       // acknowledge the message
	DeadLetter                // store the message as a dead letter (refund_id_conflict)
	LateSuccess               // alarm: money moved for a refund that was given up
	Reread                    // read the record again and observe Delivered
	Refuse                    // tell the operator that the state does not allow it
)

var effectNames = [...]string{
	"append", "prepare", "send", "ask", "schedule", "ack", "dead letter", "alarm: late success", "read the record, treat as a delivery", "refuse",
}

// String names the effect as the documentation does.
func (e Effect) String() string { return effectNames[e] }
