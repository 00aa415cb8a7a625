package jobs

import "errors"

// Why a message is [Unreadable]: one of these stands in [Decoded.Err], and the
// message becomes a dead letter.
var (
	// ErrTooLarge is returned for a message of more than [MaxJobSize] bytes.
	// It was not parsed.
	ErrTooLarge = errors.New("message is larger than 16384 bytes")

	// ErrNotUTF8 is returned for a message that is not valid UTF-8. It was not
	// parsed.
	ErrNotUTF8 = errors.New("message is not valid UTF-8")

	// ErrNotObject is returned where a message is not one complete JSON object
	// with nothing after it.
	ErrNotObject = errors.New("message is not one complete JSON object")

	// ErrNoRefundID is returned where the object has no member refund_id.
	ErrNoRefundID = errors.New("message has no refund_id")

	// ErrRepeatedRefundID is returned where the object has more than one member
	// refund_id, even if all are equal: nobody can say which one is meant.
	ErrRepeatedRefundID = errors.New("message has more than one refund_id")

	// ErrRefundIDForm is returned where refund_id is not a string of the form
	// [A-Za-z0-9_/:#-]{1,64}.
	ErrRefundIDForm = errors.New("refund_id is not of the form [A-Za-z0-9_/:#-]{1,64}")
)

var (
	// ErrBadResult is returned by [DecodeResult] for bytes that are not a result
	// of the contract's version 1.
	ErrBadResult = errors.New("not a result of version 1")

	// ErrBadSubject is returned by the subject parsers for a subject of another
	// pattern, an unknown channel, state or status, or an ill-formed refund_id.
	ErrBadSubject = errors.New("not a subject of this kind")
)
