package sim

import (
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/refund"
)

const (
	sweepEvery  = 5 * time.Minute // by one of the workers
	overdueTime = 5 * time.Minute
	rebuildTime = 6 * time.Hour // how often an operator rebuilds wake-ups from the ledger
)

// wait is one message schedule of REFUND_WAITS.
type wait struct {
	of      *account
	at      refund.Time
	stored  refund.Time
	data    []byte
	wakeUp  bool
	dropped bool // the server will not fire it by itself
}

// schedule stores a wait in the place of the refund's last one.
func (w *world) schedule(next *wait) {
	older := next.of.wait
	next.stored = w.now
	next.of.wait = next
	next.dropped = w.chance(8)
	if next.dropped {
		w.overdue = append(w.overdue, next)
		return
	}
	fires := next
	if older != nil && !older.dropped && older.at < next.at && w.chance(150) {
		// The older one fires nevertheless and takes the newer with it: the
		// early delivery is the only wake-up left.
		w.cover(olderWaitWins)
		older.of.wait, fires = older, older
	}
	w.after(max(time.Duration(fires.at-w.now), 0)+w.between(50*time.Millisecond, time.Second), func() { w.fire(fires) })
}

// fire turns the wait into a message, unless a later one has taken its place.
func (w *world) fire(due *wait) {
	a := due.of
	if a.wait != due {
		return
	}
	if !w.stores { // it stays silent
		due.dropped = true
		w.overdue = append(w.overdue, due)
		return
	}
	a.wait = nil
	if w.chance(5) { // and this one is gone for good
		return
	}
	w.send(due)
}

func (w *world) send(due *wait) {
	w.published++
	due.of.queued++
	w.deliver(&message{
		of: due.of, channel: due.of.channel, channelNo: due.of.channelNo, feed: intake.FromDue,
		data: due.data, wakeUp: due.wakeUp, stored: w.now,
	})
}

// sweep publishes again what is long overdue, as each worker does.
func (w *world) sweep() {
	left := w.overdue[:0]
	var again []*wait
	for _, due := range w.overdue {
		switch {
		case due.of.wait != due: // another has taken its place
		case w.stores && w.now > due.at.Add(overdueTime) && w.now >= due.stored.Add(overdueTime):
			again = append(again, due)
		default:
			left = append(left, due)
		}
	}
	w.overdue = left
	for _, due := range again {
		w.cover(overdueSwept)
		w.schedule(&wait{of: due.of, at: due.at, data: due.data, wakeUp: due.wakeUp})
	}
	w.after(sweepEvery*4/5+w.between(0, sweepEvery*2/5), w.sweep)
}

// rebuild is the operator's sweep: a wake-up, made from the ledger and without
// the customer's values, for each open refund that has neither message nor wait.
func (w *world) rebuild() {
	if !w.calm {
		w.after(rebuildTime, w.rebuild)
	}
	w.wakeUp()
}

func (w *world) wakeUp() {
	for _, a := range w.accounts {
		if a.wait != nil || a.queued > 0 || a.last.seq == 0 || a.last.record.State.Result() {
			continue
		}
		w.cover(wakeUpMade)
		w.send(&wait{of: a, data: wakeUpOf(a.last.record), wakeUp: true})
	}
}

// strayWakeUp is a wake-up for a refund that has no record: it begins none.
func (w *world) strayWakeUp(a *account, at time.Duration) {
	w.after(at, func() {
		if a.last.seq == 0 {
			w.cover(wakeUpWithoutRecord)
			w.send(&wait{of: a, data: jobs.FromRecord(a.job.Recorded()).Encode(), wakeUp: true})
		}
	})
}

func wakeUpOf(r refund.Record) []byte { return jobs.FromRecord(r.Job).Encode() }
