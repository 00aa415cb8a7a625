package sim

import (
	"errors"
	"time"

	"refundworker.example/refundworker/internal/refund"
)

// carryOut carries one effect out. A false says that the execution has ended, or
// continues when what it waits for has come.
func (h *execution) carryOut(e refund.Effect) bool {
	switch e {
	case refund.Append:
		return h.append()
	case refund.Prepare:
		return h.prepare()
	case refund.Send:
		return h.send()
	case refund.Inquire:
		return h.ask()
	case refund.Schedule:
		return h.schedule()
	case refund.Ack:
		return h.ack()
	case refund.DeadLetter:
		return h.deadLetter()
	case refund.LateSuccess:
		return h.lateSuccess()
	default:
		return h.reread()
	}
}

func (h *execution) append() bool {
	if h.w.mutation == ackedFirst && h.of.last.seq == h.entry.seq {
		h.w.ack(h.m)
		if h.w.chance(100) {
			h.p.crash()
			return false
		}
	}
	return h.store(h.next())
}

// store appends for as long as the record may be tried: an answer of DOKU's
// is kept until it is stored.
func (h *execution) store(r refund.Record) bool {
	holdsAnswer := h.machine.HoldsAnswer()
	if h.w.chance(15) && h.w.stores && h.of.last.seq == r.Prev { // stored, and nobody says so
		h.w.keep(h.of, r)
		h.after(5*time.Second, func() { h.settle(r) })
		return false
	}
	err := h.w.store(h.of, r)
	switch {
	case err == nil:
		h.stored(r)
		return true
	case errors.Is(err, errMoved):
		return h.follow(r)
	case holdsAnswer:
		h.holdAnswer()
		h.after(h.w.between(time.Second, 20*time.Second), func() {
			if h.store(r) {
				h.run()
			}
		})
		return false
	}
	if r.Prev == 0 {
		h.w.cover(newJobNotStored)
	}
	h.end()
	return false
}

// settle reads what became of an append that got no answer.
func (h *execution) settle(r refund.Record) {
	if h.follow(r) {
		h.run()
	}
}

// follow continues from the record that stands where ours was meant to: it may be
// our own.
func (h *execution) follow(r refund.Record) bool {
	if h.of.last.record.By == r.By {
		h.w.cover(ownRecordFound)
		h.stored(r)
		return true
	}
	h.releaseAnswer()
	if h.w.mutation == sentFirst && r.State == refund.Sending {
		h.entry.record = r
		h.w.execute(h.of, h.order(), smooth)
	}
	h.entry = h.of.read()
	h.machine = h.machine.Moved(h.entry.record.Core, h.delivered())
	if h.machine.Event().Kind == refund.Delivered {
		h.returnPermit()
	}
	return true
}

func (h *execution) stored(r refund.Record) {
	h.releaseAnswer()
	h.entry = h.of.last
	h.recorded(r)
	h.machine = h.machine.Advance()
}

// holdAnswer keeps the channel from taking new jobs while an answer cannot be
// stored.
func (h *execution) holdAnswer() {
	if !h.holdsAnswer {
		h.holdsAnswer = true
		h.l.unstored++
	}
}

func (h *execution) releaseAnswer() {
	if h.holdsAnswer {
		h.w.cover(answerKept)
		h.holdsAnswer = false
		h.l.unstored--
	}
}

func (h *execution) schedule() bool {
	if !h.w.stores || h.w.chance(5) {
		h.end()
		return false
	}
	early := h.machine.Core() == h.machine.Next()
	if h.w.mutation != droppedEarly || !early {
		h.w.schedule(&wait{of: h.of, at: h.machine.At(), data: h.m.data, wakeUp: h.m.wakeUp})
	}
	h.machine = h.machine.Advance()
	return true
}

func (h *execution) ack() bool {
	h.w.ack(h.m)
	h.machine = h.machine.Advance()
	return true
}

func (h *execution) deadLetter() bool {
	if !h.w.stores {
		h.end()
		return false
	}
	h.w.cover(conflictDeadLettered)
	h.of.deadLetter = h.m.data
	h.machine = h.machine.Advance()
	return true
}

func (h *execution) lateSuccess() bool {
	h.w.problem("%s: money moved for a refund that had been given up", h.of.id)
	h.machine = h.machine.Advance()
	return true
}

func (h *execution) reread() bool {
	h.returnPermit()
	h.entry = h.of.read()
	h.machine = refund.Start(h.entry.record.Core, h.delivered())
	return true
}
