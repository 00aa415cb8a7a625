// Package ledger keeps the records of refunds in the stream REFUNDS, and the
// waits for a time in REFUND_WAITS.
//
// A refund's last record is its state, and a record on refunds.results is the
// result event itself, so that the two can never disagree. Nobody may know the
// state from anywhere else: reads go to the stream's leader, for a replica may
// be behind.
//
// Invariant: every append states which record it follows, under one filter
// text over all subjects of the refund ([filter]); an append that was refused
// or whose fate is unknown is settled by reading, never by assuming.
package ledger
