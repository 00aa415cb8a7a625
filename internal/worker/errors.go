package worker

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrDrain is returned by [Worker.Run] when calls were still running at the
	// end of the time that a stop may take. Their refunds stand as `sending` in
	// the ledger and are asked about by the worker that takes them over.
	ErrDrain = errors.New("stopped with calls still running")

	// ErrClock is the reason for not being ready, and for touching no refund, when
	// this machine's clock is more than ten seconds off the server's.
	ErrClock = errors.New("clock is off")

	// ErrClockUnknown is the same where nobody knows: it was never measured, not
	// for a minute, or it has jumped since.
	ErrClockUnknown = errors.New("clock is not known")

	// errInterrupted ends a handling as the death of its process would.
	errInterrupted = errors.New("interrupted by a test")

	// errStopping ends a handling that had not begun when the stop came; its
	// message goes back to the queue.
	errStopping = errors.New("stopping: requeued")

	// errInFlight is why a delivery is requeued while this process has the same
	// refund in flight.
	errInFlight = errors.New("refund is in flight already")
)

// postponedError ends a handling that decided nothing; its message comes again
// after delay.
type postponedError struct{ delay time.Duration }

func (e postponedError) Error() string {
	return fmt.Sprintf("the circuit breaker is open: postponed by %s", e.delay)
}
