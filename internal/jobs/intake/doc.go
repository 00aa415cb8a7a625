// Package intake takes messages of one channel from its two consumers and hands
// each to a handler. It pulls no more than there are free slots, keeps the
// AckWait of messages in flight from expiring, and drains when it stops.
//
// Invariant: the intake acknowledges nothing. A message is settled by its
// handler, or delivered again after its AckWait.
package intake
