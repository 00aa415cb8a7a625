// Command enqueue publishes refund jobs: one from flags, or those of a file or
// of standard input. It checks every job by the rules of the contract first,
// and can wait for the results.
//
// Invariant: what is published is the very bytes that were checked, and running
// it again, however often and after whatever end, asks for no second refund.
package main

import (
	"context"
	"os"
	"syscall"

	"refundworker.example/refundworker/internal/interrupt"
)

// Set by the linker.
var version, revision = "dev", "unknown"

func main() {
	ctx, _ := interrupt.Context(context.Background(), os.Interrupt, syscall.SIGTERM)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
