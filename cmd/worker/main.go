// The worker takes refund jobs from NATS JetStream, calls DOKU and writes one
// result for each.
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
