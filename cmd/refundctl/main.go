// Refundctl is how a person finds, understands and settles refunds: nothing
// that it does sends one to DOKU, and nothing that it does can pay twice.
package main

import (
	"context"
	"os"
)

// Set by the linker.
var (
	version  = "dev"
	revision = "unknown"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
