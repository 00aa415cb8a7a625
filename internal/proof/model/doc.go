// Package model walks every order of events of one refund: two workers, an
// operator, messages that come again, early or late, crashes between any two
// effects, workers that stall, requests and answers that are lost or late,
// against everything that the documents leave open about DOKU.
//
// What decides is production code: [refund.Machine] over the one table. What
// is modelled is the world around it: the ledger's compare-and-set, the waits,
// the network, DOKU and its book of money. Roads are walked breadth first, so
// that the path to a mutation is a shortest one. Time is counted in units of ten
// seconds and moves by steps, for only the order of the few instants that a
// decision looks at matters.
//
// Invariant: a world keeps all that can still make a difference and nothing
// else. What is forgotten too early hides a mutation; what is kept too long only
// costs time.
package model
