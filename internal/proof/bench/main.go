//go:build unix

// Command bench measures the whole way of a refund: a worker process, a NATS
// process and the simulator's. It prints a table of jobs a second and of
// processor time a job, and what machine that was.
//
// Beside the worker runs the floor (bench/floor): the least program that does the
// same appends, call and acknowledgement. Both run in turn, so that what else the
// machine does meets both alike, and the ratio says what the worker costs.
//
// Invariant: a figure is printed only for a run whose money is right. A worker
// that is fast because it loses results is not fast.
package main

import (
	"context"
	"os"
	"syscall"

	"refundworker.example/refundworker/internal/interrupt"
)

func main() {
	ctx, _ := interrupt.Context(context.Background(), os.Interrupt, syscall.SIGTERM)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
