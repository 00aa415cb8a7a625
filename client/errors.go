package client

import (
	"errors"
	"strings"
)

var (
	// ErrInvalidJob is a job that breaks a rule; [JobError] has the details.
	// Nothing was published, and no repeat would change that.
	ErrInvalidJob = errors.New("job breaks a rule")

	// ErrRefused is returned where NATS has refused something for a reason that
	// lasts: the queue is full, or no stream takes the subject. This call has stored
	// nothing. Publish the same job again once it is put right.
	ErrRefused = errors.New("refused by NATS")

	// ErrDenied is returned where NATS has told the connection that this user may
	// not. It does not say which of several requests it means: [Client.Publish]
	// returns it together with [ErrUnacknowledged].
	ErrDenied = errors.New("denied by NATS")

	// ErrUnacknowledged is returned where nobody knows whether the job is stored.
	// Publish the very same job again, however late: that makes no second refund.
	ErrUnacknowledged = errors.New("not acknowledged, and perhaps stored all the same")

	// ErrNoResult is returned while a refund has no result, or where there is no
	// such refund.
	ErrNoResult = errors.New("no result yet")

	// ErrNoConsumer is returned where the durable consumer is not there, or is
	// none for what is read through it. An administrator makes it: refundctl
	// consumer add NAME, with --notices for notices.
	ErrNoConsumer = errors.New("no such consumer")

	// ErrUnreadable is returned for a message that is no result or notice of the
	// contract's version 1: a newer worker's, perhaps. It is not acknowledged.
	ErrUnreadable = errors.New("not of this version of the contract")
)

// JobError says which rules a job breaks. It wraps [ErrInvalidJob] and holds none
// of the job's values.
type JobError struct {
	Problems []Problem
}

// Problem is one broken rule.
type Problem struct {
	Field string // as the contract spells it, such as customer.access_token
	Rule  string
}

// Error lists the problems in one line.
func (e *JobError) Error() string {
	texts := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		texts = append(texts, p.Field+": "+p.Rule)
	}
	return "job breaks a rule: " + strings.Join(texts, "; ")
}

// Unwrap returns [ErrInvalidJob].
func (e *JobError) Unwrap() error { return ErrInvalidJob }
