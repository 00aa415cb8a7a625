// Package ordersystem shows how an order system asks for refunds and reads
// their results with nothing but a NATS client: it knows docs/contract.md and
// imports no other package of this module. Copy what you need.
//
// Invariant: a result is acknowledged only after it has been handled, so that a
// crash repeats it and never loses it.
package ordersystem
