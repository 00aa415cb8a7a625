package intake

import (
	"context"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/jobs/stream"
)

// inFlight holds what has been received and is not done, and sends its heartbeats:
// one goroutine an intake, for there may be hundreds of messages.
type inFlight struct {
	ceiling time.Duration
	now     func() time.Time
	changed chan struct{} // of capacity one: the shortest AckWait is another

	mu      sync.Mutex
	since   map[*Delivery]time.Time
	ackWait map[Origin]time.Duration
}

func (h *inFlight) init(ceiling time.Duration, now func() time.Time) {
	h.ceiling, h.now = ceiling, now
	h.changed = make(chan struct{}, 1)
	h.since = make(map[*Delivery]time.Time)
	h.ackWait = make(map[Origin]time.Duration)
}

// add begins to send heartbeats for d, or starts its ceiling anew.
func (h *inFlight) add(d *Delivery) {
	now := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since[d] = now
}

// remove ends the heartbeats of d.
func (h *inFlight) remove(d *Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.since, d)
}

// remaining returns how long the heartbeats of d still go on, zero or less if they
// have ended.
func (h *inFlight) remaining(d *Delivery) time.Duration {
	now := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ceiling - now.Sub(h.since[d])
}

// setAckWait is told the AckWait that a consumer has.
func (h *inFlight) setAckWait(f Origin, d time.Duration) {
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

// interval is a third of the shorter AckWait.
func (h *inFlight) interval() time.Duration {
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

func (h *inFlight) run(ctx context.Context) {
	t := time.NewTimer(h.interval())
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.changed:
		case <-t.C:
			h.sendHeartbeats()
		}
		t.Reset(h.interval())
	}
}

// sendHeartbeats ignores errors: a message that was settled meanwhile needs none, and one
// whose heartbeat cannot be sent comes again, which is harmless.
func (h *inFlight) sendHeartbeats() {
	for _, d := range h.withinCeiling() {
		_ = d.InProgress()
	}
}

// withinCeiling returns the deliveries that are under the ceiling.
func (h *inFlight) withinCeiling() []*Delivery {
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
