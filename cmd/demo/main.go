// Command demo shows the whole way of a refund in one process: an embedded NATS
// server, the DOKU simulator over HTTP and a worker; jobs for every channel,
// every status and every way that a refund can go; and at the end a
// comparison of the simulator's book with the results, to the rupiah.
//
// Invariant: it says that all is well, exit status 0, only if every refund that
// it published ended once and the book agrees with every result.
package main

import (
	"context"
	"os"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
