package client

import (
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/secret"
)

// Channel is how a payment was made.
type Channel string

// The channels of the contract.
const (
	CreditCard         = Channel(channel.CreditCard)
	DirectDebitMandiri = Channel(channel.DirectDebitMandiri)
	DirectDebitBRI     = Channel(channel.DirectDebitBRI)
	DirectDebitCIMB    = Channel(channel.DirectDebitCIMB)
	DirectDebitAllo    = Channel(channel.DirectDebitAllo)
	EmoneyOVO          = Channel(channel.EmoneyOVO)
	EmoneyDANA         = Channel(channel.EmoneyDANA)
	EmoneyShopeePay    = Channel(channel.EmoneyShopeePay)
)

// Job asks for one refund (docs/contract.md, "Job"). The zero value of an optional
// field leaves it out.
type Job struct {
	// RefundID is yours, unique for ever: letters, digits and _ / : # -, 1 to 64.
	// It is the idempotency key: choose it before the first publish and keep it for
	// every repeat.
	RefundID string

	Channel           Channel
	InvoiceNumber     string // of the payment
	OriginalRequestID string // of the payment; required for CreditCard
	Amount            int64  // rupiah, 1 or more
	Reason            string
	Customer          Customer  // for some channels
	NotBefore         time.Time // when it may be sent at the earliest
	Deadline          time.Time // when it is given up
	Metadata          map[string]string

	// TraceParent is carried through to the result as its header traceparent.
	TraceParent string
}

// Customer is what some channels want to know of the customer.
type Customer struct {
	AccessToken Secret
	DeviceID    Secret
	IPAddress   Secret
}

// Secret is a text that shows itself nowhere: printed, logged or encoded it reads
// "[redacted]".
type Secret = secret.Text

// NewSecret wraps a text.
func NewSecret(text string) Secret { return secret.New(text) }

// encode returns the job as it is published, or a [*JobError].
func (j Job) encode() ([]byte, error) {
	ch := channel.Channel(j.Channel)
	if !ch.Valid() {
		return nil, &JobError{Problems: []Problem{{Field: "channel", Rule: "is none of the eight channels"}}}
	}
	body := jobs.Job{
		RefundID: j.RefundID, Channel: ch, InvoiceNumber: j.InvoiceNumber, OriginalRequestID: j.OriginalRequestID,
		Amount: j.Amount, Reason: j.Reason, Customer: jobs.Customer(j.Customer),
		NotBefore: j.NotBefore, Deadline: j.Deadline, Metadata: j.Metadata,
	}.Encode()
	switch d := jobs.Decode(ch, body); d.Outcome {
	case jobs.Valid:
		return body, nil
	case jobs.Unreadable:
		return nil, &JobError{Problems: []Problem{{Field: "refund_id", Rule: d.Err.Error()}}}
	default:
		return nil, newJobError(d.Problems)
	}
}

func newJobError(found jobs.Problems) *JobError {
	e := &JobError{}
	for _, p := range found.List {
		e.Problems = append(e.Problems, Problem{p.Field, p.Rule})
	}
	return e
}
