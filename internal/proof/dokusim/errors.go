package dokusim

import "errors"

var (
	// ErrConfig is returned by [New] when a setting is missing or out of range.
	// Nothing was opened.
	ErrConfig = errors.New("bad simulator setting")

	// ErrFault is returned by [Server.Script] for a rule that no kind of fault
	// fits: an unknown kind, operation or status. No part of it was taken.
	ErrFault = errors.New("bad fault")

	// ErrPayment is returned by [Server.AddPayment] for a payment that its
	// channel could not have. The book is unchanged.
	ErrPayment = errors.New("bad payment")

	// ErrBook is returned by [New] when the book file holds something that is no
	// entry of a book. Only a last line without its end is forgiven: that is
	// what a kill in the middle of a write leaves.
	ErrBook = errors.New("bad book file")
)
