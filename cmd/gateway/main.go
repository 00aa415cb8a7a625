// The gateway takes refund jobs over HTTP and publishes them to NATS JetStream, and
// answers questions about states, results and notices.
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
