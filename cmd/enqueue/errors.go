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

	// errNoResult is returned while a refund has no result yet.
	errNoResult = errors.New("no result yet")

	// errUnanswered is returned for an answer to a direct get that is neither a
	// message nor the word that there is none.
	errUnanswered = errors.New("the stream of results gave no readable answer")
)
