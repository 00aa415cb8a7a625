// Package virtualtime proves the worker over virtual hours: the real worker as
// internal/service builds it, an embedded JetStream server on a file store, and
// the simulator over HTTP, under [testing/synctest], whose clock stands
// still while anything works and jumps while everything waits. A day of retries
// with the defaults of production passes in seconds.
//
// There is no network in virtual time: NATS is reached over an in-process
// connection and DOKU over [net.Pipe], because a goroutine that waits for a
// socket would keep the clock from moving. nats-server's clock for access times
// is one goroutine a process; TestMain starts it outside, or the first scenario
// would own it and the clock never stop. Servers and clients keep timers in
// pools that outlive a scenario, so one scenario runs at a time, and the pools are
// emptied between them.
//
// Not here: three nodes, which elect by real time (internal/ledger and the
// cluster tests race on them outside), and processes that are killed
// (internal/proof/chaos).
//
// Invariant: each scenario ends with internal/proof/check over DOKU's book, the
// records and the results; whatever else it shows, no refund was paid twice,
// none was lost, and none was reported as what did not happen.
package virtualtime
