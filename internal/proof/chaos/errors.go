package chaos

import "errors"

var (
	// ErrEnded is returned when a process ended before what was waited for came.
	ErrEnded = errors.New("process ended")

	// ErrStatus is returned when the simulator answers a request for its book,
	// its requests or its faults with another status than 200.
	ErrStatus = errors.New("simulator refuses")
)
