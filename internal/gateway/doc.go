// Package gateway is the way in over HTTP, for order systems that do not speak NATS:
// they publish jobs, and read states, results and notices of dead letters.
//
// It keeps nothing. A job is accepted (202) once JetStream has stored it, and what it
// tells is read from the ledger at that moment, so any number of gateways may run side
// by side, and one that is killed loses nothing.
//
// It decides nothing about money. Whether a refund_id is used up is the worker's to
// say; the gateway's 409 only says it sooner, where the ledger shows it already.
//
// Invariant: no customer's value is ever read. Jobs pass through it and are stored;
// neither REFUNDS nor the mirror of notices, which are all that it may read, holds one.
package gateway
