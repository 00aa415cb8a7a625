package sim

import (
	"time"

	"refundworker.example/refundworker/internal/retry"
	"refundworker.example/refundworker/internal/worker"
)

func (h *handling) tell(o retry.Outcome) {
	if h.permit != nil {
		h.permit.Report(o)
		h.permit = nil
	}
}

func (h *handling) pace() worker.Delays {
	return worker.Delays{
		Retry: h.p.retry, Breaker: h.l.breaker, Taken: h.entry.record.Delays, Before: h.entry.record.Response,
		Now: func() time.Time { return h.p.clock().Time() },
	}
}
