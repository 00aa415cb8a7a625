// Package refund is the state machine of one refund: what may follow what, and
// what has to be done about it.
//
// A [Machine] takes the last record of a refund, one event and the time. It
// finds the first matching row of one transition table, and names the next
// record and an ordered list of effects. Others carry the effects out: the
// worker, an operator's action, the model, the simulation. There is no I/O
// here, no clock, no randomness, and no pointer in what a Machine holds, so
// that a model can explore millions of situations with the code that decides
// about money.
//
// Invariant: only proof makes an outcome. Once a send may have been executed
// ([Core.FirstUnknown] is set), everything that is not proof leads back to
// [Unknown], and every further send carries the same identifiers.
package refund
