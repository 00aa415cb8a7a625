// Package refund is the state machine of one refund: what may follow what, and
// what has to be done about it.
//
// [Decide] is a pure function over one transition table. It takes the last
// record of a refund, one event and the time, and returns the next state with
// an ordered list of effects; somebody else (the worker, a model, a simulation)
// carries them out. There is no I/O here, no clock, no randomness and no
// pointer in what Decide takes, so that a model can explore millions of
// situations through the very code that decides about money.
//
// Invariant: nothing but proof makes an outcome. Once a send may have been
// executed ([Core.FirstUnknown] is set), every road that is not proof leads
// back to [Unknown], and every further send carries the same identifiers.
package refund
