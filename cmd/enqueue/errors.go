package main

import "errors"

var (
	// errUnacknowledged is returned for a job that NATS did not acknowledge in
	// time. Whether it is stored nobody knows; publishing it again is harmless.
	errUnacknowledged = errors.New("NATS has not acknowledged it, though it may have stored it")

	// errUnconnected is returned for a job whose publish or acknowledgement
	// fell into a lost connection. The same holds of it.
	errUnconnected = errors.New("the connection to NATS is lost, though it may have stored it")

	// errDenied is returned for what the NATS user may not do. Nothing was
	// published or read.
	errDenied = errors.New("denied by NATS")
)
