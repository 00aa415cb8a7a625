// Package chaos runs the programs as what they are in production, processes of
// their own, and ends them as production does: with signals, with `kill -9`, in
// the middle of anything. Its tests prove about the whole what the other rooms
// prove about their parts; the benchmark of the whole way uses the same
// processes.
//
// Invariant: what an [Audit] says about the money rests on two witnesses alone,
// the simulator's book over HTTP and the streams; never on what a worker said.
package chaos
