// Package config reads what programs are told: settings from flags and the
// environment, the credentials of the merchant at DOKU, and the connection to
// NATS that these settings describe.
//
// Invariants:
//   - No line about a bad setting repeats a secret.
//   - The simulator is called on loopback only, so that none of its refunds can
//     be taken for a real one.
//   - A NATS connection buffers nothing while it is down. A publish that was
//     reported as refused must not be sent minutes later.
package config
