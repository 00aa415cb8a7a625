// Package worker carries out what internal/refund decides. For every delivery
// it takes the refund's last record, decides, and does the effects in their
// order: record before send, record before schedule, all of it before the
// acknowledgement.
//
// A message is only a wake-up; it may be early, late, repeated or stale. If this
// process dies after any line of this package, the record in the ledger tells
// the next delivery what may be done.
//
// Invariant: nothing is sent to DOKU unless a record that says so is stored and
// was appended by this very handling, and an answer from DOKU in flight is kept
// until it is stored, for as long as the process lives.
package worker
