//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"refundworker.example/refundworker/internal/proof/chaos"
)

// Config is what to measure. Every combination of the lists is a row.
type Config struct {
	Concurrency []int           `help:"Refunds that are worked on at once." default:"64,256"`
	Delay       []time.Duration `help:"How long DOKU takes for each call." default:"0s"`
	DirectDebit int             `help:"Every n-th refund is a direct debit; 0: cards alone, all that the floor knows." default:"0"`
	Drain       int             `help:"Instead of the rows: how a backlog of so many refunds leaves after an outage of DOKU's." placeholder:"N"`
	Jobs        int             `help:"Refunds of a row; fewer where DOKU's delay would make it longer than ten seconds." default:"20000"`
	Other       string          `help:"Another build of the worker, measured in turn with the rest: before and after a change." placeholder:"FILE" type:"existingfile"`
	Pace        int             `help:"Jobs a second of the rows that measure how long one refund takes; 0 leaves them out." default:"500"`
	PaceFor     time.Duration   `help:"How long those rows last." default:"8s"`
	Plot        string          `help:"Write the rows as a picture (SVG) to this file, too." placeholder:"FILE"`
	Profile     string          `help:"Instead of the rows: run the worker in this process and write its CPU profile here." placeholder:"FILE"`
	Programs    []string        `help:"What to measure: floor, floor-batched (with group commit), floor+doku, floor+ledger, floor+log, floor+doku+ledger (with these parts of the worker's), worker, worker-log (writes no line for a refund)." enum:"floor,floor-batched,floor+doku,floor+ledger,floor+log,floor+doku+ledger,worker,worker-log" default:"floor,floor-batched,worker"`
	RateLimit   int             `help:"RATE_LIMIT of --drain." default:"500"`
	Replicas    []int           `help:"Replicas of the streams, each in a NATS process of its own: 1 or 3." default:"1"`
	Stored      []int           `help:"Instead of the rows: how the worker does beside so many refunds in the ledger, with --jobs waiting." placeholder:"N,..."`
	Rounds      int             `help:"How often each row is measured, program after program; the row shows the median." default:"3"`
	Sync        string          `help:"Rows with sync_interval always (on), without (off), or both." enum:"on,off,both" default:"both"`
}

// Validate implements kong's check.
func (c *Config) Validate() error {
	for _, n := range c.Replicas {
		if n != 1 && n != 3 {
			return fmt.Errorf("--replicas: %d is neither 1 nor 3", n)
		}
	}
	for _, d := range c.Delay {
		if d < 0 {
			return fmt.Errorf("--delay: %s is negative", d)
		}
	}
	const most = 100_000 // a ticker takes no more
	if c.Pace < 0 || c.Pace > most {
		return fmt.Errorf("--pace: %d is not from 0 to %d", c.Pace, most)
	}
	if c.Pace > 0 && c.paced() < 1 {
		return fmt.Errorf("--pace-for: %s has room for no job at %d a second", c.PaceFor, c.Pace)
	}
	for _, n := range append([]int{c.Jobs, c.Rounds}, c.Concurrency...) {
		if n < 1 {
			return fmt.Errorf("--jobs, --rounds and --concurrency: %d is below 1", n)
		}
	}
	if c.DirectDebit > 0 && c.compares() {
		return errors.New("--direct-debit: the floor knows cards alone; use --programs worker")
	}
	return c.validateScale()
}

// validateScale checks what stands for other things than rows.
func (c *Config) validateScale() error {
	if c.Drain < 0 || c.RateLimit < 1 || slices.ContainsFunc(c.Stored, func(n int) bool { return n < 0 }) {
		return errors.New("--drain, --stored: not below 0; --rate-limit: not below 1")
	}
	return nil
}

// paced is how many jobs a row has that measures how long one takes.
func (c *Config) paced() int { return int(c.PaceFor.Seconds() * float64(c.Pace)) }

// compares reports whether there is a floor to compare with.
func (c *Config) compares() bool {
	return slices.Contains(c.Programs, floor) || slices.Contains(c.Programs, floorBatched)
}

// The programs.
const (
	floor        = "floor"
	floorBatched = "floor-batched"
	worker       = "worker"
	other        = "other"
)

// variants are programs with one part of another kind.
var variants = map[string]struct{ program, setting, value string }{
	floorBatched:        {floor, "FLOOR_GROUP_COMMIT", "true"},
	"floor+doku":        {floor, "FLOOR_WITH", "doku"},
	"floor+ledger":      {floor, "FLOOR_WITH", "ledger"},
	"floor+log":         {floor, "FLOOR_WITH", "log"},
	"floor+doku+ledger": {floor, "FLOOR_WITH", "doku,ledger"},
	"worker-log":        {worker, "LOG_LEVEL", "error"},
}

var syncs = map[string][]bool{"on": {true}, "off": {false}, "both": {false, true}}

// run is the program: the tables to stdout, progress and problems to stderr.
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
	if err := measure(ctx, cfg, stdout, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "bench: %s\n", err)
		return 1
	}
	return 0
}

func measure(ctx context.Context, cfg Config, stdout, progress io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "refund-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs, err := chaos.Build(ctx, dir, "refundworker.example/refundworker/internal/proof/bench/floor")
	if err != nil {
		return err
	}
	if cfg.Other != "" {
		if err := os.Symlink(cfg.Other, filepath.Join(dir, other)); err != nil {
			return err
		}
		cfg.Programs = append(cfg.Programs, other)
	}
	b := bench{Config: cfg, programs: programs, dir: dir, progress: progress}
	if cfg.Profile != "" {
		return b.profile(ctx, stdout)
	}
	if cfg.Drain > 0 {
		return b.drain(ctx, stdout)
	}
	if len(cfg.Stored) > 0 {
		return b.scale(ctx, stdout)
	}
	if _, err := fmt.Fprintln(stdout, machine(dir)); err != nil {
		return err
	}
	if err := b.throughput(ctx, stdout); err != nil || cfg.Pace == 0 {
		return err
	}
	return b.latency(ctx, stdout)
}

// setups is every combination of what is measured, but for the program.
func (b bench) setups() (all []setup) {
	for _, sync := range syncs[b.Sync] {
		for _, replicas := range b.Replicas {
			for _, delay := range b.Delay {
				for _, n := range b.Concurrency {
					all = append(all, setup{concurrency: n, delay: delay, replicas: replicas, sync: sync})
				}
			}
		}
	}
	return all
}
