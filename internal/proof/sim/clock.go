package sim

import (
	"time"

	"refundworker.example/refundworker/internal/refund"
)

const (
	clockOff       = 10 * time.Second // from here on a clock is off
	measuredWithin = time.Minute      // an older measurement is none
	requeueDelay   = time.Second
)

// jumps plans when the clock of each process goes wrong, and is set right.
func (w *world) jumps() {
	for _, p := range w.processes {
		for at := w.between(0, 4*time.Hour); at < arrivals+troubles; at += w.between(2*time.Hour, 6*time.Hour) {
			far, long := w.between(15*time.Second, 5*time.Minute), w.between(10*time.Second, 30*time.Minute)
			if w.rng.IntN(2) == 0 {
				far = -far
			}
			w.after(at, func() { p.jump(far) })
			w.after(at+long, func() { p.jump(0) })
		}
	}
}

// jump puts the clock off by d. The process notices at once, and measures anew.
func (p *process) jump(d time.Duration) {
	if p.w.calm {
		d = 0
	}
	if d != 0 {
		p.w.cover(clockJumped)
	}
	p.jumped = d
	p.doubt(p.w.now)
}

// doubt makes the clock unknown until it has been measured, soon after from.
func (p *process) doubt(from refund.Time) {
	p.known = max(p.known, from.Add(p.w.between(0, 2*time.Second)))
}

// sure reports whether the process knows that its clock is right.
func (p *process) sure() bool {
	return p.w.mutation == ignoredClock || p.w.now >= p.known && (p.skew+p.jumped).Abs() <= clockOff
}

// needsClock reports whether the next effect depends on the clock.
func (h *execution) needsClock() bool {
	needed := h.machine.NeedsClock()
	if effect, _ := h.machine.Effect(); !needed && effect != refund.Send && !h.p.sure() {
		h.w.cover(recordedUnsure)
	}
	return needed
}

// requeue ends the execution; its message comes again soon, to anybody.
func (h *execution) requeue() {
	h.w.cover(requeuedByClock)
	h.w.redeliver(h.m, requeueDelay)
	h.end()
}
