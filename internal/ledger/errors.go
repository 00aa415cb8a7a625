package ledger

import (
	"errors"
	"fmt"
)

var (
	// ErrNotStored is returned when the server said that it did not keep an
	// append: storage full, no leader, no connection. Nothing changed.
	ErrNotStored = errors.New("not stored")

	// ErrStorageFull is returned by [Ledger.CheckStorage] while no record can be
	// stored because the disk, the account or the stream itself is full.
	ErrStorageFull = errors.New("storage is full")

	// ErrTooLarge is returned when the server refused an append for its size, or
	// the server's max_payload is smaller than [LargestRecord]. Nothing changed,
	// and the same append would be refused again.
	ErrTooLarge = errors.New("too large for the server")

	// ErrUncertain is returned when the context ended before it could be
	// learned whether an append was stored. It may yet be.
	ErrUncertain = errors.New("unknown whether it was stored")

	// ErrForeign is returned when a record names another client id or
	// environment: two merchants, or sandbox and production, share streams.
	ErrForeign = errors.New("the ledger belongs to another client id or environment")

	// ErrDuplicate is returned when the server took a wait for a copy of an
	// earlier message and stored nothing.
	ErrDuplicate = errors.New("the server dropped the wait as a duplicate")

	// ErrScheduleMoved is returned when a wait to be rescheduled has fired, or
	// another has taken its place. Nothing was stored.
	ErrScheduleMoved = errors.New("the wait has moved on")

	// ErrRecord is returned when a stored record cannot be read.
	ErrRecord = errors.New("unreadable record")
)

// MovedError is returned when another record of the refund stands where the
// append expected to follow. Last is that record; nothing was stored by us.
type MovedError struct{ Last Entry }

func (e *MovedError) Error() string {
	return fmt.Sprintf("the refund has moved on: %s at sequence %d", e.Last.Record.State, e.Last.Seq)
}
