package worker

import (
	"context"
	"errors"
	"time"

	"refundworker.example/refundworker/internal/ledger"
)

// storageEvery is how often it is looked whether a record can be stored.
const storageEvery = 5 * time.Second

// checkStorage keeps the process not ready while no record can be stored, for
// want of storage or because the server takes no message that large. Both end
// by themselves, when there is room or the connection moves to another server.
func (w *Worker) checkStorage(ctx context.Context) {
	w.blockOn(ctx, "payload", w.cfg.Ledger.CheckPayload())
	err := w.cfg.Ledger.CheckStorage(ctx)
	full := errors.Is(err, ledger.ErrStorageFull)
	if w.blockOn(ctx, "storage", err) && ctx.Err() != nil {
		return
	}
	if full || err == nil {
		w.reportStorage(full, err)
	}
}

// reportStorage shows whether storage is full, and logs each change. Where nobody
// answers, what was known last still stands.
func (w *Worker) reportStorage(full bool, cause error) {
	changed := w.storageFull != full
	w.storageFull = full
	switch {
	case full && changed:
		w.cfg.Metrics.StorageFull.Set(1)
		w.cfg.Log.Error("storage is full: nothing is sent until there is room", "error", cause)
	case changed:
		w.cfg.Metrics.StorageFull.Set(0)
		w.cfg.Log.Info("storage has room again")
	}
}
