// Package sim lives through a million refunds on a fake clock: jobs, ledger,
// waits, workers and DOKU in memory, everything that can go wrong going wrong,
// and the one checker at the end.
//
// Decoding (jobs), decisions and their effects (refund), the classification of
// every answer (doku) and the delays and breakers (retry) are production code;
// what carries them out here is a single goroutine that takes every decision of
// chance from one seed. An operator cancels, brings forward, asks, gives a
// verdict, replays and pauses beside the workers, by the same decisions. The
// clocks of workers jump. Jobs are simulated in batches of a few thousand, each
// against a DOKU of another behaviour, all of them behaviours under which the
// guarantee of the README holds.
//
// Invariant: the same seed and number of jobs give the same trace, and a report
// without problems means that nothing was paid twice, lost or misreported.
package sim
