package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// listTimeout is how long a person waits for one page of subjects: the server
// sorts all that match, which for a million takes seconds.
const listTimeout = time.Minute

func (l *Ledger) withListTimeout() *Ledger {
	p := *l
	p.cfg.RequestTimeout = max(p.cfg.RequestTimeout, listTimeout)
	return &p
}

// Refunds returns the ids of all refunds that have, or ever had, a record of
// that state, sorted. An empty channel or state stands for any. No record is
// read: it is the subjects that are asked for, in pages of 100,000.
func (l *Ledger) Refunds(ctx context.Context, ch channel.Channel, state string) ([]string, error) {
	return l.withListTimeout().ids(ctx, stream.Refunds, "refunds.*."+token(string(ch))+"."+token(state)+".*")
}

// Unended returns the ids of all refunds that have no result, sorted.
func (l *Ledger) Unended(ctx context.Context, ch channel.Channel) ([]string, error) {
	begun, err := l.withListTimeout().ids(ctx, stream.Refunds, "refunds.ledger."+token(string(ch))+".*.*")
	if err != nil {
		return nil, err
	}
	ended, err := l.withListTimeout().ids(ctx, stream.Refunds, "refunds.results."+token(string(ch))+".*.*")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(begun, func(id string) bool {
		_, found := slices.BinarySearch(ended, id)
		return found
	}), nil
}

// Waits returns the ids of all refunds that have a wait stored, sorted. A wait
// that fires meanwhile may be left out.
func (l *Ledger) Waits(ctx context.Context, ch channel.Channel) ([]string, error) {
	ids, err := l.withListTimeout().ids(ctx, stream.Waits, "refunds.retry."+token(string(ch))+".*")
	return slices.DeleteFunc(ids, stream.IsDeferredSubject), err // dead letters wait there too
}

func token(text string) string {
	if text == "" {
		return "*"
	}
	return text
}

// ids returns the last tokens of all subjects that match, sorted, each once.
// The server sorts before it cuts into pages, so that a subject that comes
// while they are read is met twice, at worst.
func (l *Ledger) ids(ctx context.Context, stream, filter string) ([]string, error) {
	var ids []string
	for offset := 0; ; {
		page, err := l.info(ctx, stream, filter, offset)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", filter, err)
		}
		for subject := range page.State.Subjects {
			ids = append(ids, subject[strings.LastIndexByte(subject, '.')+1:])
		}
		offset += len(page.State.Subjects)
		if len(page.State.Subjects) == 0 || offset >= page.Total {
			slices.Sort(ids)
			return slices.Compact(ids), nil
		}
	}
}

// CountRefunds returns how many refunds have, or ever had, a record of that
// state. An empty channel stands for any.
func (l *Ledger) CountRefunds(ctx context.Context, ch channel.Channel, state string) (int, error) {
	return l.withListTimeout().count(ctx, stream.Refunds, "refunds.*."+token(string(ch))+"."+token(state)+".*")
}

// CountWaits returns how many waits are stored.
func (l *Ledger) CountWaits(ctx context.Context, ch channel.Channel) (int, error) {
	return l.withListTimeout().count(ctx, stream.Waits, "refunds.retry."+token(string(ch))+".*")
}

// count asks for the page after the last: it is empty, and names the total.
func (l *Ledger) count(ctx context.Context, stream, filter string) (int, error) {
	page, err := l.info(ctx, stream, filter, beyond)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", filter, err)
	}
	return page.Total, nil
}

// beyond is more subjects than a stream can have.
const beyond = 1 << 40
