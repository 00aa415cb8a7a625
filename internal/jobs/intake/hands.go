package intake

import (
	"context"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/jobs/stream"
)

// hands holds what has been received and is not done, and sends its heartbeats:
// one goroutine an intake, for there may be hundreds of messages.
type hands struct {
	ceiling time.Duration
	now     func() time.Time
	changed chan struct{} // of capacity one: the shortest AckWait is another

	mu      sync.Mutex
	since   map[*Delivery]time.Time
	ackWait map[Feed]time.Duration
}

func (h *hands) init(ceiling time.Duration, now func() time.Time) {
	h.ceiling, h.now = ceiling, now
	h.changed = make(chan struct{}, 1)
	h.since = make(map[*Delivery]time.Time)
	h.ackWait = make(map[Feed]time.Duration)
}

// restart takes d into the hand, or counts its ceiling anew.
func (h *hands) restart(d *Delivery) {
	now := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since[d] = now
}

// drop ends the heartbeats of d.
func (h *hands) drop(d *Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.since, d)
}

// left returns how long the heartbeats of d still go on, zero or less if they
// have ended.
func (h *hands) left(d *Delivery) time.Duration {
	now := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ceiling - now.Sub(h.since[d])
}

// setAckWait is told the AckWait that a consumer has.
func (h *hands) setAckWait(f Feed, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ackWait[f] == d {
		return
	}
	h.ackWait[f] = d
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// every is a third of the shorter AckWait.
func (h *hands) every() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	shortest := stream.AckWait // until a consumer has been asked
	for _, d := range h.ackWait {
		if d > 0 {
			shortest = min(shortest, d)
		}
	}
	return max(shortest/3, time.Millisecond)
}

func (h *hands) run(ctx context.Context) {
	t := time.NewTimer(h.every())
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.changed:
		case <-t.C:
			h.beat()
		}
		t.Reset(h.every())
	}
}

// beat ignores errors: a message that was settled meanwhile needs none, and one
// whose heartbeat cannot be sent comes again, which is harmless.
func (h *hands) beat() {
	for _, d := range h.young() {
		_ = d.InProgress()
	}
}

// young returns the deliveries that are under the ceiling.
func (h *hands) young() []*Delivery {
	now := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]*Delivery, 0, len(h.since))
	for d, since := range h.since {
		if now.Sub(since) < h.ceiling {
			list = append(list, d)
		}
	}
	return list
}
