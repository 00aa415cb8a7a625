package worker

import (
	"errors"
	"time"

	"refundworker.example/refundworker/internal/jobs/intake"
)

// Where an execution could not store, its message is kept away for a moment:
// with no delay it would come again at once, as often as the server can send it.
const (
	requeueFirst  = 2 * time.Second
	requeueSpread = 3 * time.Second
)

// clockDelay is how long a message is kept away that was requeued because the
// clock is in doubt. Left to its AckWait, every refund in flight would be late by
// half a minute whenever a clock is set. Requeued at once, the message might come
// back through a pull that is still open.
const clockDelay = time.Second

func (w *Worker) requeueDelay() time.Duration {
	return requeueFirst + time.Duration(w.cfg.Rand()*float64(requeueSpread))
}

// inFlightDelay is how long a delivery is kept away whose refund is in flight in
// this process: short at first, for most executions end within milliseconds and
// the delivery may bring a customer's new token; then longer, for a call to DOKU
// may take a minute.
func (w *Worker) inFlightDelay(delivered uint64) time.Duration {
	const first, most = 250 * time.Millisecond, 4 * time.Second
	delay := min(first<<min(delivered, 5)/2, most)
	return delay + time.Duration(w.cfg.Rand()*float64(delay))
}

// requeue returns a message that nothing was done for, with a nak. A nak that
// does not arrive leaves the message to its AckWait.
func (r *runner) requeue(d *intake.Delivery, after time.Duration, why error) {
	r.log.Debug("message requeued", "stream", d.Stream, "sequence", d.Sequence, "error", errors.Join(why, d.Nak(after)))
}
