package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

const unresolvedSubjects = "refunds.results.*.unresolved.*"

// mostReads is how many messages one [UnresolvedCounter.Unresolved] reads, but
// for the first.
const mostReads = 256

// UnresolvedCounter counts unresolved results that nobody has settled. It
// remembers which are open and which were settled, for a settled one stays so.
// It is not safe for concurrent use.
//
// A settlement is a later record of the refund, which no filter of subjects can
// find among millions of results. So a counter reads what was written since it
// looked last. Where that is more than mostReads, it looks at its open refunds
// again, some at each call: a count may then be late by as many calls as that
// takes, and is right again afterwards.
type UnresolvedCounter struct {
	ledger      *Ledger
	begun       bool
	open        map[string]bool
	settled     map[string]bool
	first, last uint64   // bounds of the ledger when it was looked at
	again       []string // open ones that may have been settled unseen
}

// NewUnresolvedCounter returns a counter that has seen nothing yet.
func (l *Ledger) NewUnresolvedCounter() *UnresolvedCounter { return &UnresolvedCounter{ledger: l} }

// Unresolved returns how many refunds are unresolved now. The first call costs a
// round trip for each unresolved result that there ever was; a later one costs
// one where nothing was written, else mostReads and a list of subjects at most.
func (c *UnresolvedCounter) Unresolved(ctx context.Context) (int, error) {
	info, err := c.ledger.info(ctx, stream.Refunds, "", 0)
	if err != nil {
		return 0, err
	}
	first, last := info.State.FirstSeq, info.State.LastSeq
	reads := mostReads
	switch {
	case !c.begun || last < c.last:
		err = c.begin(ctx)
	case first != c.first || last-c.last > mostReads:
		err = c.list(ctx)
	default:
		reads -= int(last - c.last) //nolint:gosec // at most mostReads
		err = c.follow(ctx, last)
	}
	if err != nil {
		return 0, err
	}
	c.begun, c.first, c.last = true, first, last
	if err := c.review(ctx, reads); err != nil {
		return 0, err
	}
	return len(c.open), nil
}

// begin looks at every unresolved result. After an error it continues where it
// stopped, at the next call.
func (c *UnresolvedCounter) begin(ctx context.Context) error {
	if c.begun || c.open == nil { // another ledger than before, or the first call
		c.begun, c.open, c.settled, c.again = false, map[string]bool{}, map[string]bool{}, nil
	}
	ids, err := c.ledger.ids(ctx, stream.Refunds, unresolvedSubjects)
	if err != nil {
		return err
	}
	// Those that an earlier call has looked at may have been settled since.
	c.again = slices.Collect(maps.Keys(c.open))
	for _, id := range ids {
		if !c.open[id] && !c.settled[id] {
			if err := c.countOne(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// list takes up what is new by the subjects, and has everything looked at again.
// What is new became unresolved a moment ago: it counts as open until it is
// looked at.
func (c *UnresolvedCounter) list(ctx context.Context) error {
	ids, err := c.ledger.ids(ctx, stream.Refunds, unresolvedSubjects)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !c.settled[id] {
			there[id] = true
		}
	}
	waiting := make(map[string]bool, len(c.again))
	again := c.again[:0]
	for _, id := range c.again { // first those that have waited longest
		if there[id] && !waiting[id] {
			waiting[id] = true
			again = append(again, id)
		}
	}
	for id := range there {
		if !waiting[id] {
			again = append(again, id)
		}
	}
	c.open, c.again = there, again
	return nil
}

// follow reads what was written since the last look. Of a message the subject
// suffices, and one that is gone is none.
func (c *UnresolvedCounter) follow(ctx context.Context, last uint64) error {
	for seq := c.last + 1; seq <= last; seq++ {
		m, err := c.ledger.get(ctx, stream.Refunds, msgRequest{Seq: seq})
		if err != nil {
			return fmt.Errorf("read record %d: %w", seq, err)
		}
		_, status, id, err := jobs.ParseResultSubject(m.Subject)
		switch {
		case err != nil: // a step on the way, and no result
		case status == refund.Unresolved && !c.settled[id]:
			c.open[id] = true
		case status != refund.Unresolved && c.open[id]:
			c.settle(id)
		}
	}
	return nil
}

// review looks again at some of those that may have been settled unseen.
func (c *UnresolvedCounter) review(ctx context.Context, reads int) error {
	for ; reads > 0 && len(c.again) > 0; reads-- {
		id := c.again[0]
		if c.open[id] {
			if err := c.countOne(ctx, id); err != nil {
				return err
			}
		}
		c.again = c.again[1:]
	}
	return nil
}

// countOne reads the last record of a refund that has an unresolved result.
func (c *UnresolvedCounter) countOne(ctx context.Context, id string) error {
	entry, err := c.ledger.Last(ctx, id)
	if err != nil {
		return err
	}
	if entry.Record.State == refund.Unresolved {
		c.open[id] = true
		return nil
	}
	c.settle(id)
	return nil
}

func (c *UnresolvedCounter) settle(id string) {
	delete(c.open, id)
	c.settled[id] = true
}
