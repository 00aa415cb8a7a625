package worker

import "errors"

var (
	// ErrDrain is returned by [Worker.Run] when calls were still running at the
	// end of the time that a stop may take. Their refunds stand as `sending` in
	// the ledger and are asked about by whoever takes them over.
	ErrDrain = errors.New("stopped with calls still running")

	// ErrClock is the reason for not being ready when this machine's clock is
	// more than ten seconds off the server's.
	ErrClock = errors.New("clock is off")

	// errInterrupted ends a handling as the death of its process would.
	errInterrupted = errors.New("interrupted by a test")

	// errHandBack ends a handling that had not begun when the stop came; its
	// message goes back to the queue.
	errHandBack = errors.New("stopping: handed back")
)
