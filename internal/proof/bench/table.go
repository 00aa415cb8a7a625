//go:build unix

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// throughput prints a row for each program in each setup.
func (b bench) throughput(ctx context.Context, stdout io.Writer) error {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "concurrency\tfsync\treplicas\tDOKU\tprogram\tjobs/s\t× floor\tµs/job\t× floor\tNATS µs/job\tsimulator µs/job\t")
	var measured []map[string]row
	for _, s := range b.setups() {
		rows, err := b.rows(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		measured = append(measured, rows)
		for _, name := range b.Programs {
			r := rows[name]
			_, _ = fmt.Fprintf(table, "%d\t%s\t%d\t%s\t%s\t%.0f\t%s\t%s\t%s\t%s\t%s\t\n",
				s.concurrency, always(s.sync), s.replicas, s.delay, name,
				r.perSecond, ratio(r.perSecond, rows[floor].perSecond),
				micros(r.program), ratio(float64(r.program), float64(rows[floor].program)), micros(r.nats), micros(r.simulator))
		}
	}
	if err := table.Flush(); err != nil || b.Plot == "" {
		return err
	}
	return b.plot(measured)
}

// rows measures all programs in turn, some rounds of it, and returns the medians.
func (b bench) rows(ctx context.Context, s setup) (map[string]row, error) {
	all := map[string][]row{}
	for round := range b.Rounds {
		for _, name := range b.Programs {
			r, err := b.row(ctx, name, s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			_, _ = fmt.Fprintf(b.progress, "%s: round %d, %s: %.0f jobs/s, %s µs/job\n", s, round+1, name, r.perSecond, micros(r.program))
			all[name] = append(all[name], r)
		}
	}
	medians := map[string]row{}
	for name, rows := range all {
		medians[name] = row{
			perSecond: median(rows, func(r row) float64 { return r.perSecond }),
			program:   median(rows, func(r row) time.Duration { return r.program }),
			nats:      median(rows, func(r row) time.Duration { return r.nats }),
			simulator: median(rows, func(r row) time.Duration { return r.simulator }),
		}
	}
	return medians, nil
}

func median[V cmp.Ordered](rows []row, of func(row) V) V {
	values := make([]V, len(rows))
	for i, r := range rows {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// latency prints how long a refund takes, from its job being stored to its
// result being stored, at a pace that leaves the machine time.
func (b bench) latency(ctx context.Context, stdout io.Writer) error {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "jobs/s\tfsync\tprogram\tjobs\tp50\t× floor\tp99\t× floor\tmax\t")
	for _, sync := range syncs[b.Sync] {
		var least [2]time.Duration // the floor's p50 and p99
		for _, name := range b.Programs {
			took, err := b.paced(ctx, name, setup{concurrency: 64, replicas: 1, sync: sync})
			if err != nil {
				return fmt.Errorf("%s at %d jobs/s, fsync %t: %w", name, b.Pace, sync, err)
			}
			p50, p99 := took[len(took)/2], took[len(took)*99/100]
			if name == floor {
				least = [2]time.Duration{p50, p99}
			}
			_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t\n", b.Pace, always(sync), name, len(took),
				millis(p50), ratio(float64(p50), float64(least[0])), millis(p99), ratio(float64(p99), float64(least[1])),
				millis(took[len(took)-1]))
		}
	}
	return table.Flush()
}

func always(sync bool) string {
	if sync {
		return "every write"
	}
	return "2 min"
}

// ratio is – where there is no floor.
func ratio(value, floor float64) string {
	if floor == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", value/floor)
}

// micros is – where the processor time is not known.
func micros(cpu time.Duration) string {
	if cpu == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", float64(cpu.Nanoseconds())/1000)
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
