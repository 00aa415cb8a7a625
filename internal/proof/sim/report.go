package sim

import (
	"fmt"
	"slices"
	"strings"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/refund"
)

// Report is what a run saw.
type Report struct {
	Seed       uint64
	Jobs       int // refunds that an order system meant
	Deliveries int
	Exchanges  int // with DOKU: refund calls, inquiries, tokens

	// Problems are what must not be, the first of them; Broken counts all.
	Problems []string
	Broken   int

	all      bool // every problem is kept
	trace    uint64
	faults   [faults]int
	covered  [coveragePoints]int
	rows     rows
	results  [refund.Unresolved + 1]int
	channels [8]int // refunds that succeeded, in the order of [channel.All]
}

// rows counts the decisions by the name of their row.
type rows map[string]int

// Trace is the hash of everything that happened, in its order.
func (r Report) Trace() string { return fmt.Sprintf("%016x", r.trace) }

// Faulted is how many exchanges met a fault.
func (r Report) Faulted() int { return r.Exchanges - r.faults[smooth] }

// Coverage is one thing that a run must have met, and how often it did.
type Coverage struct {
	Name  string
	Count int
}

// Covered returns the table of rare paths.
func (r Report) Covered() []Coverage {
	table := make([]Coverage, 0, int(coveragePoints)+len(rowCoverage))
	for i, count := range r.covered {
		table = append(table, Coverage{coverageNames[i], count})
	}
	for i, ch := range channel.All() {
		table = append(table, Coverage{"succeeded on " + string(ch), r.channels[i]})
	}
	for _, row := range rowCoverage {
		table = append(table, Coverage{"row: " + row, r.rows[row]})
	}
	return table
}

// Missed returns the names of the paths that were never taken, and of the faults
// that no exchange met.
func (r Report) Missed() []string {
	var names []string
	for _, point := range r.Covered() {
		if point.Count == 0 {
			names = append(names, point.Name)
		}
	}
	for f, count := range r.faults {
		if count == 0 {
			names = append(names, "fault: "+faultNames[f])
		}
	}
	return names
}

// minFaulted is the least share of exchanges, in percent, that must be faulted.
const minFaulted = 30

// Failures returns everything for which a run fails.
func (r Report) Failures() []string {
	failures := slices.Clone(r.Problems)
	if more := r.Broken - len(r.Problems); more > 0 {
		failures = append(failures, fmt.Sprintf("and %d more", more))
	}
	for _, name := range r.Missed() {
		failures = append(failures, "point never taken: "+name)
	}
	if 100*r.Faulted() < minFaulted*r.Exchanges {
		failures = append(failures, fmt.Sprintf("only %d of %d exchanges met a fault", r.Faulted(), r.Exchanges))
	}
	return failures
}

// String returns the report as a page.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d jobs, %d deliveries, %d exchanges, %d of them faulted (%d %%)\n",
		r.Seed, r.Jobs, r.Deliveries, r.Exchanges, r.Faulted(), 100*r.Faulted()/max(r.Exchanges, 1))
	b.WriteString("\nresults\n")
	for s, count := range r.results {
		if count > 0 {
			fmt.Fprintf(&b, "  %9d %s\n", count, refund.State(s))
		}
	}
	b.WriteString("\nfaults\n")
	for f, count := range r.faults {
		fmt.Fprintf(&b, "  %9d %s\n", count, faultNames[f])
	}
	b.WriteString("\ncoverage\n")
	for _, point := range r.Covered() {
		fmt.Fprintf(&b, "  %9d %s\n", point.Count, point.Name)
	}
	fmt.Fprintf(&b, "\ntrace %s\n", r.Trace())
	return b.String()
}

// maxProblems is how many problems a report tells in words.
const maxProblems = 20

// problem keeps the first ones and counts all.
func (r *Report) problem(text string) {
	r.Broken++
	if r.all || len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, text)
	}
}

// add adds the report of the next batch.
func (r *Report) add(next Report) {
	r.Jobs += next.Jobs
	r.Deliveries += next.Deliveries
	r.Exchanges += next.Exchanges
	r.Broken += next.Broken
	if !next.all {
		next.Problems = next.Problems[:min(len(next.Problems), maxProblems-len(r.Problems))]
	}
	r.Problems = append(r.Problems, next.Problems...)
	r.trace = mix(r.trace, next.trace)
	addCounts(r.faults[:], next.faults[:])
	addCounts(r.covered[:], next.covered[:])
	addCounts(r.results[:], next.results[:])
	addCounts(r.channels[:], next.channels[:])
	for row, count := range next.rows {
		r.rows[row] += count
	}
}

func addCounts(to, from []int) {
	for i, n := range from {
		to[i] += n
	}
}
