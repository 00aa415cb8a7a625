package operator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/retry"
)

// LostRefund is a refund that has no result and no message left that would lead to
// one.
type LostRefund struct {
	View
	WokenUp bool   `json:"nudged"`
	Note    string `json:"note,omitempty"`
}

// noCustomer is what a wake-up lacks.
const noCustomer = "its next send needs the customer's values, which no wake-up has: unless the order system publishes the same job again first, it is given up as customer_token_invalid"

// Sweep publishes a wake-up for every lost refund. A refund is lost when it has
// neither job nor wait at two looks, settle apart, and its record has not changed
// between them: a message that moves from one queue to the other is in one of them
// at one of the two. With dry it only returns them.
func (o Operator) Sweep(ctx context.Context, ch channel.Channel, settle time.Duration, dry bool) ([]LostRefund, error) {
	first, err := o.missing(ctx, ch, nil)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	_ = retry.Sleep(ctx, settle)
	second, err := o.missing(ctx, ch, first)
	if err != nil {
		return nil, err
	}
	var lost []LostRefund
	for _, e := range second {
		l := LostRefund{View: ViewOf(e.Record)}
		if e.Record.FirstUnknown == 0 && needsCustomer(e.Record.Job.Channel) {
			l.Note = noCustomer
		}
		if !dry {
			if err := o.cfg.Ledger.WakeUp(ctx, &e.Record); err != nil {
				return lost, fmt.Errorf("sweep: %w", err)
			}
			l.WokenUp = true
		}
		lost = append(lost, l)
	}
	return lost, nil
}

// missing returns the refunds that have no result, no job and no wait, among
// those that stand as they did before, where before is given.
func (o Operator) missing(ctx context.Context, ch channel.Channel, before []ledger.Entry) ([]ledger.Entry, error) {
	ids, err := o.open(ctx, ch, before)
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	queued, err := o.cfg.Ledger.Queued(ctx, ch)
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	waits, err := o.cfg.Ledger.Waits(ctx, ch)
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	ids = slices.DeleteFunc(ids, func(id string) bool {
		_, waiting := slices.BinarySearch(waits, id)
		return waiting || queued[id]
	})
	var found []ledger.Entry
	for chunk := range slices.Chunk(ids, atOnce) {
		entries, err := o.lasts(ctx, chunk)
		if err != nil {
			return nil, fmt.Errorf("sweep: %w", err)
		}
		found = append(found, entries...)
	}
	return slices.DeleteFunc(found, func(e ledger.Entry) bool {
		return e.Seq == 0 || e.Record.State.Result() || before != nil && !isOpen(before, e)
	}), nil
}

func (o Operator) open(ctx context.Context, ch channel.Channel, before []ledger.Entry) ([]string, error) {
	if before == nil {
		return o.cfg.Ledger.Unended(ctx, ch)
	}
	var ids []string
	for _, e := range before {
		ids = append(ids, e.Record.Job.RefundID)
	}
	return ids, nil
}

// isOpen reports whether the very record was there before. Sequences are
// unique in the stream.
func isOpen(before []ledger.Entry, e ledger.Entry) bool {
	return slices.ContainsFunc(before, func(b ledger.Entry) bool { return b.Seq == e.Seq })
}
