package jobs

import (
	"errors"
	"fmt"
)

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
	// ErrBadResult is returned by [DecodeResult] for bytes that are no result
	// of the contract's version 1.
	ErrBadResult = errors.New("not a result of version 1")

	// ErrBadNotice is returned by [DecodeNotice] for bytes that are no notice of
	// version 1.
	ErrBadNotice = errors.New("not a notice of version 1")

	// ErrBadSubject is returned by the subject parsers for a subject of another
	// pattern, an unknown channel, state or status, or an ill-formed refund_id.
	ErrBadSubject = errors.New("not a subject of this kind")

	// ErrWrongStream is returned after a publish that another stream than the
	// expected one has acknowledged: the message is stored where nobody looks
	// for it, and has to be published again once the subjects are put right.
	ErrWrongStream = errors.New("acknowledged by another stream")

	// ErrNoRoom is returned for a dead letter whose headers alone are larger
	// than what the server or its stream accepts. Nothing was published.
	ErrNoRoom = errors.New("headers alone exceed the message limit")

	// ErrCannotSetUp is returned by [SetupConfig.Run] where a second try would
	// end the same: subjects that belong to another stream, an account that
	// requires sizes or has no storage left, or a ledger that must be taken for
	// lost. Streams that were created before it are left.
	ErrCannotSetUp = errors.New("cannot set up the streams")

	// ErrLedgerLost is returned, wrapped in [ErrCannotSetUp], where a new ledger
	// would begin although there must have been one before.
	ErrLedgerLost = errors.New("refused to begin a new ledger")

	// ErrNotNoticed is returned where a dead letter is stored and its notice is
	// not: REFUND_DEAD was set up by a version that knew no notices, or the user's
	// permissions were.
	ErrNotNoticed = errors.New("stored without a notice")

	errNoticesUnknown = fmt.Errorf("%w: REFUND_DEAD does not listen to refunds.notices.*: run `refundctl setup --upgrade` as an administrator", ErrNotNoticed)
	errNoticeDenied   = fmt.Errorf("%w: NATS denies refunds.notices.* to this user: give it that permission", ErrNotNoticed)

	// ErrDeadRefused is returned where REFUND_DEAD has refused a dead letter or
	// its notice and will again: it is full, sealed, gone, or takes no message of
	// this size. Nothing says so of a time-out.
	ErrDeadRefused = errors.New("dead letter refused")
)
