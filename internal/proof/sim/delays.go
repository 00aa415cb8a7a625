package sim

import (
	"time"

	"refundworker.example/refundworker/internal/retry"
)

func (h *execution) report(o retry.Outcome) {
	if h.permit != nil {
		h.permit.Report(o)
		h.permit = nil
	}
}

func (h *execution) delays() retry.Delays {
	return retry.Delays{
		Policy: h.p.retry, Breaker: h.l.breaker, Taken: int(h.entry.record.Delays),
		Now: func() time.Time { return h.p.clock().Time() },
	}
}
