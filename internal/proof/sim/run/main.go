// Program run simulates refunds by the million and fails on the first wrong
// rupiah: `make sim SEED=1 JOBS=1000000`. It is a tool of this repository.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"refundworker.example/refundworker/internal/proof/sim"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, time.Now)) }

func run(args []string, stdout, stderr io.Writer, now func() time.Time) int {
	flags := flag.NewFlagSet("sim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	seed := flags.Uint64("seed", 1, "source of every chance")
	jobs := flags.Int("jobs", 1_000_000, "how many jobs")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	debug.SetGCPercent(400) // nearly everything that a batch makes is short-lived
	began := now()
	report := sim.Run(sim.Config{Seed: *seed, Jobs: *jobs})
	_, _ = fmt.Fprintf(stdout, "%stook %s\n", report, now().Sub(began).Round(time.Millisecond))
	failures := report.Failures()
	for _, failure := range failures {
		_, _ = fmt.Fprintln(stderr, failure)
	}
	return min(len(failures), 1)
}
