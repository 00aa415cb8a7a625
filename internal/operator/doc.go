// Package operator is what a person may do about refunds: look, cancel what was
// never sent, bring forward what waits, ask DOKU, settle what nobody could
// learn, handle dead letters, pause a channel, wake up a lost refund.
//
// It decides nothing about money. Every change of a refund's state goes through
// the one table of internal/refund, with an operator's event, and is appended
// by internal/ledger with compare-and-set; a state that has moved meanwhile is
// looked at anew, and what the table does not allow is refused.
//
// Invariant: nothing here sends a refund to DOKU, and no record is written that
// internal/refund has not decided on. What is asked for with a NATS operator's
// permissions and no others can be done.
package operator
