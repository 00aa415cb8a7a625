// Package observe is what a running worker shows of itself: the metrics of
// docs/contract.md, "Metrics", liveness and readiness over HTTP, and its log.
//
// Invariant: labels come from closed sets, never from a job, and no value shown
// here is taken from a job but amounts, summed up.
package observe
