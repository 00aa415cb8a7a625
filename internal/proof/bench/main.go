//go:build unix

// Command bench measures the whole way of a refund: a worker process, a NATS
// process and the simulator's, which answers at once. It prints a table of jobs
// a second and of processor time a job, and what machine that was.
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
