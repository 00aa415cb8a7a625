package operator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/ledger"
)

// ErrAfter is returned by [Operator.List] for a filter without a state whose
// After is not the Next of a page like it.
var ErrAfter = errors.New("the next page begins where the page before says")

// recent reads the ledger backwards. Only a refund's last record counts: so each
// refund is on one page, however many records it has.
func (o Operator) recent(ctx context.Context, f Filter) (Page, error) {
	first, last, err := o.stretch(ctx, f.After)
	if err != nil {
		return Page{}, fmt.Errorf("list refunds: %w", err)
	}
	page := Page{Refunds: []View{}}
	for last >= first {
		from := max(first, last-min(last, atOnce)+1)
		entries, err := o.span(ctx, from, last)
		if err != nil {
			return Page{}, fmt.Errorf("list refunds: %w", err)
		}
		for i := len(entries) - 1; i >= 0; i-- {
			e := entries[i]
			if f.Newer > 0 && e.Seq != 0 && o.cfg.Now().Sub(e.Stored) > f.Newer+time.Minute {
				return page, nil // what was written before is of older refunds still; a minute for clocks
			}
			if !f.fits(e, o.cfg.Now()) {
				continue
			}
			if newest, err := o.cfg.Ledger.Last(ctx, e.Record.Job.RefundID); err != nil {
				return Page{}, fmt.Errorf("list refunds: %w", err)
			} else if newest.Seq != e.Seq {
				continue
			}
			page.Refunds = append(page.Refunds, ViewOf(e.Record))
			if len(page.Refunds) == f.Limit {
				page.Next = strconv.FormatUint(e.Seq, 10)
				return page, nil
			}
		}
		last = from - 1
	}
	return page, nil
}

// stretch returns the sequences to read: all before the end of the previous page.
func (o Operator) stretch(ctx context.Context, after string) (first, last uint64, err error) {
	first, last, err = o.cfg.Ledger.Bounds(ctx)
	if err != nil || after == "" {
		return max(first, 1), last, err
	}
	before, err := strconv.ParseUint(after, 10, 64)
	if err != nil || before == 0 {
		return 0, 0, fmt.Errorf("%w: a number, not %.40q", ErrAfter, after)
	}
	return max(first, 1), min(last, before-1), nil
}

// span reads the records of some sequences, oldest first.
func (o Operator) span(ctx context.Context, from, to uint64) ([]ledger.Entry, error) {
	entries := make([]ledger.Entry, to-from+1)
	errs := make([]error, len(entries))
	var group sync.WaitGroup
	for i := range entries {
		group.Go(func() { entries[i], errs[i] = o.cfg.Ledger.At(ctx, from+uint64(i)) }) //nolint:gosec // less than atOnce
	}
	group.Wait()
	return entries, errors.Join(errs...)
}
