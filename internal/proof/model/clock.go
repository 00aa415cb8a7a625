package model

import "refundworker.example/refundworker/internal/refund"

// The clock of worker A may jump once, at any time, and be set right again. A
// worker that notices does nothing more that rests on its clock; what is shown
// is that this is enough, and that without it money moves twice.

// clock is what the clock of execution i shows.
func (m *model) clock(w *world, i int) int8 {
	if i == 0 && w.clock == off {
		return w.now + m.Skew
	}
	return w.now
}

// unsure reports whether execution i belongs to a worker that knows that its clock
// may be wrong.
func (m *model) unsure(w *world, i int) bool {
	return i == 0 && w.clock == off && !m.Unnoticed && !m.mutation.clockIgnored
}

// jump lets the clock of worker A go wrong, or be set right.
func (m *model) jump(w world) {
	switch w.clock {
	case right:
		w.clock = off
		m.add(jumps, 0, w)
	case off:
		w.clock = setRight
		m.add(comesRight, 0, w)
	default:
	}
}

// restsOnClock reports whether what the execution does next is decided by its
// clock. An answer in flight is recorded all the same, and so is an inquiry's
// yes.
func (h *execution) restsOnClock() bool {
	switch h.phase {
	case preparing, asking:
		return true
	case appending, heard:
		return h.event.kind == refund.Delivered || h.event.kind == refund.InquiryEnded && h.event.finding != refund.FoundSuccess
	default:
		return false
	}
}

func (m *model) requeue(w world, i int) {
	w.free(i)
	m.add(requeues, i, w)
}

// startTimer notes until when execution i may send, by the clock that never jumps.
func (m *model) startTimer(w *world, i int) {
	if h := &w.executions[i]; m.Skew != 0 {
		h.at = w.now + h.core.sendBy - m.clock(w, i)
	}
}

// timeIsUp is the last look, at both clocks.
func (m *model) timeIsUp(w *world, i int) bool {
	h := &w.executions[i]
	return m.clock(w, i) > h.core.sendBy || m.Skew != 0 && w.now > h.at
}

// sendBy is until when execution h may send c, in true time.
func (m *model) sendBy(h *execution, c core) int8 {
	if m.Skew != 0 {
		return h.at
	}
	return c.sendBy
}
