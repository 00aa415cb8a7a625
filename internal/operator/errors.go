package operator

import (
	"errors"
	"fmt"

	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

var (
	// ErrNoRecord is returned when the ledger knows nothing of the refund: no
	// worker has taken its job up yet, or there is none. Nothing was changed.
	ErrNoRecord = errors.New("the ledger has no record of it")

	// ErrChannelNeeded is returned by [Operator.Cancel] for a refund without a
	// record, whose channel nobody else can tell. Nothing was changed.
	ErrChannelNeeded = errors.New("the ledger has no record of it: name its channel to keep it from ever being sent")

	// ErrOtherChannel is returned by [Operator.Cancel] where the record names
	// another channel than the operator does. Nothing was changed.
	ErrOtherChannel = errors.New("the refund is of another channel")

	// ErrNoOwner is returned where neither settings nor ledger say whose refund
	// it is. Nothing was changed.
	ErrNoOwner = errors.New("the ledger is empty: give DOKU_CLIENT_ID and DOKU_ENV")

	// ErrNoCopy is returned by [Operator.Retry] when no copy of the job is left
	// and the channel needs the customer's values: without them the refund would
	// only be given up. Nothing was changed.
	ErrNoCopy = errors.New("no copy of the job is left, and its channel needs the customer's values: the order system must publish the same job again")

	// ErrNoLetter is returned for a sequence at which no dead letter stands: it
	// was discarded, is older than 90 days, or never was one.
	ErrNoLetter = errors.New("is no dead letter")

	// ErrTruncated is returned by [Operator.Replay] for a letter whose body was
	// cut when it was stored. Nothing was published.
	ErrTruncated = errors.New("only the beginning of it was kept")

	// ErrNoJob is returned by [Operator.Replay] for what breaks a rule of a job
	// as it stands or as it was changed. Nothing was published.
	ErrNoJob = errors.New("is no job")

	// ErrUsedID is returned by [Operator.Replay] for a job under an id that a
	// refund of other content has. Nothing was published.
	ErrUsedID = errors.New("the refund_id is used up")

	// ErrReplayed is returned by [Operator.Replay] for a letter that was
	// published under another id before. Nothing was published.
	ErrReplayed = errors.New("was replayed as")

	// ErrDiscarded is returned by [Operator.Replay] for a letter that somebody
	// has given up. Nothing was published.
	ErrDiscarded = errors.New("was discarded")

	// ErrBecause is returned for a reason that may not be kept forever: none
	// where one is needed, too long, not printable, or holding a card number.
	ErrBecause = errors.New("reason")

	// ErrRefundID is returned for an id that no refund can have. Nothing was
	// asked: it could be a wildcard.
	ErrRefundID = errors.New("is no refund_id: 1 to 64 of A-Z a-z 0-9 _ / : # -")

	// ErrOperator is returned where it is not said who acts.
	ErrOperator = errors.New("say who you are")
)

// RefusedError is returned when the state machine does not allow what the
// operator asked for. Nothing was changed.
type RefusedError struct {
	Entry  ledger.Entry // what stands in the ledger; Seq 0: nothing
	Action string
	Advice string // what can be done instead; may be empty
}

func (e *RefusedError) Error() string {
	state := "it has no record"
	if e.Entry.Record.State != refund.None {
		state = "it is " + e.Entry.Record.State.String()
	}
	text := fmt.Sprintf("refused to %s: %s", e.Action, state)
	if e.Advice != "" {
		text += "; " + e.Advice
	}
	return text
}
