package stream

import (
	"errors"
	"fmt"
)

var (
	// ErrBadNotice is returned by [DecodeNotice] for bytes that are not a notice of
	// version 1.
	ErrBadNotice = errors.New("not a notice of version 1")

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

	// ErrReader is returned for a durable consumer of results or notices that is not
	// there, or is there and is something else.
	ErrReader = errors.New("no such reader")

	// ErrNoRecord is returned while a refund has no record yet.
	ErrNoRecord = errors.New("no record yet")

	// ErrNoResult is returned while a refund has no result yet.
	ErrNoResult = errors.New("no result yet")

	// ErrUnanswered is returned for an answer to a direct get that is neither a
	// message nor the word that there is none.
	ErrUnanswered = errors.New("the ledger gave no readable answer")

	errNoticesUnknown = fmt.Errorf("%w: REFUND_DEAD does not listen to refunds.notices.*: run `refundctl setup --upgrade` as an administrator", ErrNotNoticed)
	errNoticeDenied   = fmt.Errorf("%w: NATS denies refunds.notices.* to this user: give it that permission", ErrNotNoticed)

	// ErrDeadRefused is returned where REFUND_DEAD has refused a dead letter or
	// its notice and will again: it is full, sealed, gone, or takes no message of
	// this size. Nothing says so of a time-out.
	ErrDeadRefused = errors.New("dead letter refused")
)
