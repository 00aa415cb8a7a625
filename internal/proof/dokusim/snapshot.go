package dokusim

import (
	"slices"
	"time"
)

// Snapshot is the book at one moment.
type Snapshot struct {
	At        time.Time      `json:"at"`
	Payments  []Payment      `json:"payments"`
	Refunds   []Refund       `json:"refunds"`
	Movements []Movement     `json:"movements"`
	Channels  map[string]Sum `json:"channels"` // those on which money moved
	Total     Sum            `json:"total"`
}

// Moved returns the movements of one refund, by its idempotency key: the
// Request-Id (cards) or the partnerRefundNo (SNAP). More than one is a refund
// paid twice.
func (s Snapshot) Moved(channel, invoice, key string) []Movement {
	var found []Movement
	for _, m := range s.Movements {
		if m.Channel == channel && m.Invoice == invoice && m.Key == key {
			found = append(found, m)
		}
	}
	return found
}

// MovedFor returns the movements of all refunds of one invoice.
func (s Snapshot) MovedFor(channel, invoice string) []Movement {
	var found []Movement
	for _, m := range s.Movements {
		if m.Channel == channel && m.Invoice == invoice {
			found = append(found, m)
		}
	}
	return found
}

// Book returns the whole book, everything in the order in which it came. Refunds in progress whose time has
// come are ended first.
func (s *Server) Book() Snapshot { return s.snapshot(-1) }

// snapshot holds the last n of each list; all of them if n is negative. The
// sums are always the whole book's.
func (s *Server) snapshot(n int) Snapshot {
	b := s.book
	b.mu.Lock()
	defer b.mu.Unlock()
	now := s.cfg.Now()
	if err := b.settle(now); err != nil {
		s.cfg.Log.Error("book not written", "error", err)
	}
	view := Snapshot{
		At: now, Payments: []Payment{}, Channels: make(map[string]Sum, len(b.sums)),
		Refunds: slices.Clone(last(b.refunds, n)), Movements: slices.Clone(last(b.movements, n)),
	}
	for channel, sum := range b.sums {
		view.Channels[channel] = sum
		view.Total = Sum{view.Total.Movements + sum.Movements, view.Total.Amount + sum.Amount}
	}
	for _, key := range last(b.order, n) {
		view.Payments = append(view.Payments, b.accounts[key].Payment)
	}
	return view
}

func last[T any](all []T, n int) []T {
	if n < 0 || n >= len(all) {
		return all
	}
	return all[len(all)-n:]
}
