// Package devstack wires real parts together for the demo, the benchmarks and
// the tests: a NATS server inside this process, one node or three, with its
// store in real files; the streams of the contract; the DOKU simulator over
// HTTP.
//
// Nothing that runs in production imports it (a test asserts that).
//
// Invariant: what it starts is the real thing. There is no mock in here.
package devstack
