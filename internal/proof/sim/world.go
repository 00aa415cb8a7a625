package sim

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/refund"
)

const (
	arrivals    = 30 * time.Hour // jobs arrive during it: both midnights lie within, Jakarta's twice
	troubles    = 4 * time.Hour  // faults go on for so long after the last arrival
	healingTime = 2 * time.Hour  // after its deadline, or the end of the faults, everything has ended
	processes   = 3
)

// firstMorning is two hours before a day's end in Jakarta, nine before UTC's.
var firstMorning = refund.At(time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC))

// world is one batch: everything there is, and the clock.
type world struct {
	batch     int
	rng       *rand.Rand
	behaviour behaviour
	mutation  mutation
	report    *Report
	doku      doku.Classifier // production's verdict on answers

	now    refund.Time // true time, that of NATS
	healed refund.Time // when the faults ended
	calm   bool        // the faults have ended
	events events
	count  uint64 // of events

	accounts  []*account
	owners    map[string]*account // of the identifiers that were announced
	processes []*process
	operator  *process  // takes no messages
	paused    []bool    // by channel
	storms    [][]storm // by channel
	stores    bool      // NATS stores what it is given
	overdue   []*wait   // waits that the server has dropped
	sequence  uint64
	published int
	acked     int
}

// event is something that happens at a time.
type event struct {
	at    refund.Time
	count uint64
	do    func()
}

// events is a heap by time, then by the order in which they were made.
type events []event

// Len implements [heap.Interface].
func (e events) Len() int { return len(e) }

// Less implements [heap.Interface].
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].count < e[j].count
}

// Swap implements [heap.Interface].
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push implements [heap.Interface].
func (e *events) Push(x any) {
	if next, ok := x.(event); ok {
		*e = append(*e, next)
	}
}

// Pop implements [heap.Interface].
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	(*e)[len(*e)-1] = event{}
	*e = (*e)[:len(*e)-1]
	return last
}

// after lets do happen d from now.
func (w *world) after(d time.Duration, do func()) {
	w.count++
	heap.Push(&w.events, event{w.now.Add(d), w.count, do})
}

// live lets everything happen that the plan holds and that follows from it,
// until the last refund must have ended.
func (w *world) live() {
	begin := w.now
	w.stores = true
	w.paused = make([]bool, len(channel.All()))
	w.healed = begin.Add(arrivals + troubles)
	for n := range processes {
		w.processes = append(w.processes, w.newProcess(n))
	}
	w.weather()
	w.jumps()
	w.after(w.healed.Time().Sub(w.now.Time()), w.heal)
	w.after(sweepEvery, w.sweep)
	w.after(rebuildTime, w.rebuild)
	end := w.healed
	for _, a := range w.accounts {
		end = max(end, a.deadline())
	}
	w.hire(end)
	end = end.Add(healingTime)
	for len(w.events) > 0 && w.events[0].at <= end {
		next, _ := heap.Pop(&w.events).(event)
		w.now = next.at
		next.do()
	}
}

// heal ends all faults.
func (w *world) heal() {
	w.calm, w.stores = true, true
	for _, p := range w.processes {
		p.jump(0)
	}
	clear(w.paused)
	w.rebuild()
}

// chance is true n times of a thousand while there are faults.
func (w *world) chance(perMille int) bool { return !w.calm && w.rng.IntN(1000) < perMille }

// between returns a duration from low up to high.
func (w *world) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(w.rng.Int64N(int64(high-low)))
}

// storm is a time during which one thing goes wrong with most calls of a
// channel.
type storm struct {
	from, to refund.Time
	fault    fault
}

// weather plans storms and the times at which NATS stores nothing.
func (w *world) weather() {
	kinds := []fault{tooMany, unreachable, unauthorized}
	for range channel.All() {
		var list []storm
		for _, kind := range kinds {
			from := w.now.Add(w.between(0, arrivals))
			list = append(list, storm{from, from.Add(w.between(5*time.Minute, 40*time.Minute)), kind})
		}
		w.storms = append(w.storms, list)
	}
	for at := w.between(0, 5*time.Hour); at < arrivals+troubles; at += w.between(2*time.Hour, 8*time.Hour) {
		w.after(at, func() { w.outage(w.between(30*time.Second, 15*time.Minute)) })
	}
}

// outage keeps NATS from storing for d.
func (w *world) outage(d time.Duration) {
	if w.calm {
		return
	}
	w.stores = false
	w.after(d, func() { w.stores = true })
}

// step mixes what has happened into the trace.
func (w *world) step(who int, what string, more ...int) {
	h := mix(w.report.trace, uint64(w.now)) //nolint:gosec // after 1970
	h = mix(h, uint64(who))                 //nolint:gosec // not negative
	for i := range len(what) {
		h = mix(h, uint64(what[i]))
	}
	for _, n := range more {
		h = mix(h, uint64(n)) //nolint:gosec // a bit pattern
	}
	w.report.trace = h
}

func mix(hash, n uint64) uint64 { return (hash ^ n) * tracePrime }

// FNV-1a's offset and prime.
const (
	traceStart = 14695981039346656037
	tracePrime = 1099511628211
)
