// Command natsd is one NATS node with JetStream as a process of its own, for
// tests that kill it and benchmarks that measure it. It prints its URL on
// stdout once it can be used, and nothing else.
//
// It is not for production: it listens on loopback only, knows no users and
// logs nothing but what ends it.
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
