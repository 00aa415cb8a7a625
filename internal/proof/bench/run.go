//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"refundworker.example/refundworker/internal/proof/chaos"
)

// Config is what to measure.
type Config struct {
	Concurrency []int  `help:"CONCURRENCY of the worker, one row each." default:"64,256"`
	Jobs        int    `help:"Refunds of a row, a tenth of them direct debit." default:"20000"`
	Pace        int    `help:"Jobs a second of the rows that measure how long one refund takes; 0 leaves them out." default:"500"`
	PaceFor     string `help:"How long those rows last." default:"8s"`
	Profile     string `help:"Instead of the rows: run the worker in this process and write its CPU profile here." placeholder:"FILE"`
	Sync        string `help:"Rows with sync_interval always (on), without (off), or both." enum:"on,off,both" default:"both"`
}

var syncs = map[string][]bool{"on": {true}, "off": {false}, "both": {false, true}}

// run is the program: the table to stdout, problems to stderr.
func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var cfg Config
	ended := false
	app, err := kong.New(&cfg, kong.Name("bench"), kong.Description("Measures the whole way of a refund."),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { ended = true }))
	if err == nil {
		_, err = app.Parse(args)
	}
	if ended {
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "bench: %s\n", err)
		return 2
	}
	if err := measure(ctx, cfg, stdout); err != nil {
		_, _ = fmt.Fprintf(stderr, "bench: %s\n", err)
		return 1
	}
	return 0
}

func measure(ctx context.Context, cfg Config, stdout io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "refund-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs, err := chaos.Build(ctx, dir)
	if err != nil {
		return err
	}
	b := bench{Config: cfg, programs: programs, dir: dir}
	if cfg.Profile != "" {
		return b.profile(ctx, stdout)
	}
	if _, err := fmt.Fprintln(stdout, machine(dir)); err != nil {
		return err
	}
	if err := b.throughput(ctx, stdout); err != nil || cfg.Pace == 0 {
		return err
	}
	return b.latency(ctx, stdout)
}

// throughput prints a row for each combination of settings.
func (b bench) throughput(ctx context.Context, stdout io.Writer) error {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "concurrency\tfsync\tjobs\tjobs/s\tworker µs/job\tNATS µs/job\tsimulator µs/job\t")
	for _, sync := range syncs[b.Sync] {
		for _, n := range b.Concurrency {
			r, err := b.row(ctx, n, sync)
			if err != nil {
				return fmt.Errorf("concurrency %d, fsync %t: %w", n, sync, err)
			}
			_, _ = fmt.Fprintf(table, "%d\t%s\t%d\t%.0f\t%s\t%s\t%s\t\n", n, always(sync), b.Jobs, r.perSecond,
				micros(r.worker, b.Jobs), micros(r.nats, b.Jobs), micros(r.simulator, b.Jobs))
		}
	}
	return table.Flush()
}

// latency prints how long a refund takes, from its job being stored to its
// result being stored, at a pace that leaves the machine time.
func (b bench) latency(ctx context.Context, stdout io.Writer) error {
	lasting, err := time.ParseDuration(b.PaceFor)
	if err != nil {
		return fmt.Errorf("read --pace-for: %w", err)
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "jobs/s\tfsync\tjobs\tp50\tp99\tmax\t")
	for _, sync := range syncs[b.Sync] {
		took, err := b.paced(ctx, lasting, sync)
		if err != nil {
			return fmt.Errorf("at %d jobs/s, fsync %t: %w", b.Pace, sync, err)
		}
		_, _ = fmt.Fprintf(table, "%d\t%s\t%d\t%s\t%s\t%s\t\n", b.Pace, always(sync), len(took),
			millis(took[len(took)/2]), millis(took[len(took)*99/100]), millis(took[len(took)-1]))
	}
	return table.Flush()
}

func always(sync bool) string {
	if sync {
		return "every write"
	}
	return "2 min"
}

func micros(cpu time.Duration, jobs int) string {
	if cpu == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", float64(cpu.Microseconds())/float64(jobs))
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
