package worker

import (
	"context"
	"log/slog"
	"strconv"

	"refundworker.example/refundworker/internal/refund"
)

// stamp makes every record of every process different from all others.
func (w *Worker) stamp() string {
	return w.cfg.Instance + "-" + strconv.FormatUint(w.stamps.Add(1), 10)
}

// recorded reports the record that was stored in metrics and log.
func (e *execution) recorded(ctx context.Context) {
	r := &e.entry.Record
	ch, state := string(e.channel), r.State.String()
	attrs := make([]slog.Attr, 0, 8)
	attrs = append(attrs, slog.String("refund_id", e.id()), slog.String("state", state), slog.Int("attempt", int(r.Sends)))
	if r.Response != nil {
		attrs = append(attrs, slog.String("code", r.Response.Code))
	}
	switch r.State {
	case refund.Waiting, refund.Unknown:
		if r.Sends > 0 {
			e.cfg.Metrics.RetriesScheduled.WithLabelValues(ch).Inc()
		}
		e.log.LogAttrs(ctx, slog.LevelInfo, "refund waits", append(attrs,
			slog.String("why", r.Code.String()), slog.Time("due", r.Due.Time()), slog.String("problem", r.Note))...)
	case refund.Sending:
		e.log.LogAttrs(ctx, slog.LevelDebug, "refund will be sent", attrs...)
	default:
		e.settled(ctx, r, append(attrs, slog.String("why", r.Code.String()), slog.String("evidence", string(r.Evidence))))
	}
}

func (e *execution) settled(ctx context.Context, r *refund.Record, attrs []slog.Attr) {
	ch, state := string(e.channel), r.State.String()
	age := r.At.Time().Sub(r.EnqueuedAt.Time())
	e.cfg.Metrics.Results.WithLabelValues(ch, state).Inc()
	e.cfg.Metrics.Amount.WithLabelValues(ch, state).Add(float64(r.Job.Amount))
	e.cfg.Metrics.EndToEnd.WithLabelValues(ch, state).Observe(age.Seconds())
	attrs = append(attrs, slog.Duration("duration", age))
	if r.State == refund.Unresolved {
		e.log.LogAttrs(ctx, slog.LevelError, "refund unresolved: a person must settle it", attrs...)
		return
	}
	e.log.LogAttrs(ctx, slog.LevelInfo, "refund settled", attrs...)
}
