// Command dokusim is a DOKU to try refunds against: no real money, a book of
// what moved, and faults on demand. It prints the settings that a worker needs.
package main

import (
	"context"
	"os"
	"syscall"

	"refundworker.example/refundworker/internal/interrupt"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, _ := interrupt.Context(context.Background(), os.Interrupt, syscall.SIGTERM)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
