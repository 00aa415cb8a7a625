package main

import "errors"

var (
	// errAway is returned when NATS gave no answer for as long as we are
	// patient. What was in flight may be stored or not; publishing it again is
	// harmless.
	errAway = errors.New("gave up on NATS")

	// errDenied is returned for what the NATS user may not do. Nothing was
	// published or read.
	errDenied = errors.New("denied by NATS")

	// errNoResult is returned while a refund has no result yet.
	errNoResult = errors.New("no result yet")

	// errUnanswered is returned for an answer to a direct get that is neither a
	// message nor the word that there is none.
	errUnanswered = errors.New("the stream of results gave no readable answer")
)
