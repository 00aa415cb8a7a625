package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// Filter says which refunds are wanted. Empty fields ask for nothing.
type Filter struct {
	State   string // one of the seven, or "open": without a result
	Channel channel.Channel
	Code    string        // DOKU's last one, or the worker's own
	Text    string        // part of the id
	Older   time.Duration // enqueued longer ago
	Newer   time.Duration // enqueued less long ago
	After   string        // Next of the page before
	Limit   int           // how many, at most
	Match   Match         // what a caller has; it takes a reading of the whole ledger

	// Progress is told, now and then, how far that reading is. Nil: nobody is.
	Progress func(done, total uint64)
}

// Page is some refunds: in the order of their ids where a state was asked for,
// else the one that changed last first.
type Page struct {
	Refunds []View `json:"refunds"`
	Next    string `json:"next,omitempty"` // After of the next page; empty: this was the last
}

// Open is the state of all refunds that have no result.
const Open = "open"

// States are all that a [Filter] takes.
func States() []string {
	return []string{Open, "sending", "waiting", "unknown", "succeeded", "failed", "rejected", "unresolved"}
}

// List returns one page. Without a state the ledger is read from its end, as far
// as the page needs. With one, which refunds may fit is asked of the subjects;
// of those, as many records are read as the page needs. A `waiting` or `unknown`
// refund is found by its wait, so one that a worker has in flight at this moment
// is left out ([Open] has it).
//
// With a [Match] the whole ledger is read, whatever else is asked for, and the order is
// that without a state.
func (o Operator) List(ctx context.Context, f Filter) (Page, error) {
	if f.Match != (Match{}) {
		return o.search(ctx, f)
	}
	if f.State == "" {
		return o.recent(ctx, f)
	}
	ids, err := o.candidates(ctx, f)
	if err != nil {
		return Page{}, fmt.Errorf("list refunds: %w", err)
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id <= f.After || !strings.Contains(id, f.Text) })
	page := Page{Refunds: []View{}}
	for chunk := range slices.Chunk(ids, atOnce) {
		entries, err := o.lasts(ctx, chunk)
		if err != nil {
			return Page{}, fmt.Errorf("list refunds: %w", err)
		}
		for _, e := range entries {
			if !f.fits(e, o.cfg.Now()) {
				continue
			}
			if f.Limit > 0 && len(page.Refunds) == f.Limit {
				page.Next = page.Refunds[f.Limit-1].RefundID
				return page, nil
			}
			page.Refunds = append(page.Refunds, ViewOf(e.Record))
		}
	}
	return page, nil
}

// candidates are the ids of all refunds that may fit, sorted.
func (o Operator) candidates(ctx context.Context, f Filter) ([]string, error) {
	switch f.State {
	case Open, refund.Sending.String():
		return o.cfg.Ledger.Unended(ctx, f.Channel)
	case refund.Waiting.String(), refund.Unknown.String():
		return o.cfg.Ledger.Waits(ctx, f.Channel)
	}
	return o.cfg.Ledger.Refunds(ctx, f.Channel, f.State)
}

func (f Filter) fits(e ledger.Entry, now time.Time) bool {
	return e.Seq != 0 && f.fitsRecord(&e.Record, now) // else a wait without a record, or one that has aged out
}

func (f Filter) fitsRecord(r *refund.Record, now time.Time) bool {
	age := now.Sub(r.EnqueuedAt.Time())
	if r.EnqueuedAt == 0 { // cancelled before a job came
		age = now.Sub(r.At.Time())
	}
	switch {
	case !f.Match.fits(r), !strings.Contains(r.Job.RefundID, f.Text):
		return false
	case f.State == Open && r.State.Result(), f.State != Open && f.State != "" && r.State.String() != f.State:
		return false
	case f.Code != "" && f.Code != r.Code.String() && (r.Response == nil || r.Response.Code != f.Code):
		return false
	case f.Older > 0 && age < f.Older, f.Newer > 0 && age > f.Newer:
		return false
	}
	return f.Channel == "" || r.Job.Channel == f.Channel
}

// atOnce is how many records are asked for at a time.
const atOnce = 32

// lasts reads the last records of some refunds, in their order.
func (o Operator) lasts(ctx context.Context, ids []string) ([]ledger.Entry, error) {
	entries := make([]ledger.Entry, len(ids))
	errs := make([]error, len(ids))
	var group sync.WaitGroup
	for i, id := range ids {
		group.Go(func() { entries[i], errs[i] = o.cfg.Ledger.Last(ctx, id) })
	}
	group.Wait()
	return entries, errors.Join(errs...)
}
