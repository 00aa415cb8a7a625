package sim

import (
	"errors"
	"time"

	"refundworker.example/refundworker/internal/refund"
)

// carry carries one effect out. A false says that the handling has ended, or
// goes on when what it waits for has come.
func (h *handling) carry(e refund.Effect) bool {
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
		return h.reconsider()
	}
}

func (h *handling) append() bool {
	if h.w.plant == ackedFirst && h.of.last.seq == h.entry.seq {
		h.w.ack(h.m)
		if h.w.chance(100) {
			h.p.crash()
			return false
		}
	}
	return h.store(h.next())
}

// store appends with the patience that the record deserves: an answer of DOKU's
// is kept until it is stored.
func (h *handling) store(r refund.Record) bool {
	insist := h.steps.HoldsAnswer()
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
		return h.movedOn(r)
	case insist:
		h.hold()
		h.after(h.w.between(time.Second, 20*time.Second), func() {
			if h.store(r) {
				h.run()
			}
		})
		return false
	}
	if r.Prev == 0 {
		h.w.road(newJobNotStored)
	}
	h.end()
	return false
}

// settle reads what became of an append that got no answer.
func (h *handling) settle(r refund.Record) {
	if h.movedOn(r) {
		h.run()
	}
}

// movedOn goes on from the record that stands where ours was meant to: it may be
// our own.
func (h *handling) movedOn(r refund.Record) bool {
	if h.of.last.record.By == r.By {
		h.w.road(ownRecordFound)
		h.stored(r)
		return true
	}
	h.release()
	if h.w.plant == sentFirst && r.State == refund.Sending {
		h.entry.record = r
		h.w.execute(h.of, h.order(), smooth)
	}
	h.entry = h.of.read()
	h.steps = h.steps.Moved(h.entry.record.Core, h.delivered())
	if h.steps.Event().Kind == refund.Delivered {
		h.returnPermit()
	}
	return true
}

func (h *handling) stored(r refund.Record) {
	h.release()
	h.entry = h.of.last
	h.recorded(r)
	h.steps = h.steps.Advance()
}

// hold keeps the lane from taking new jobs while an answer cannot be stored.
func (h *handling) hold() {
	if !h.holding {
		h.holding = true
		h.l.held++
	}
}

func (h *handling) release() {
	if h.holding {
		h.w.road(answerKept)
		h.holding = false
		h.l.held--
	}
}

func (h *handling) schedule() bool {
	if !h.w.stores || h.w.chance(5) {
		h.end()
		return false
	}
	early := h.steps.Core() == h.steps.Next()
	if h.w.plant != droppedEarly || !early {
		h.w.schedule(&wait{of: h.of, at: h.steps.At(), data: h.m.data, nudge: h.m.nudge})
	}
	h.steps = h.steps.Advance()
	return true
}

func (h *handling) ack() bool {
	h.w.ack(h.m)
	h.steps = h.steps.Advance()
	return true
}

func (h *handling) deadLetter() bool {
	if !h.w.stores {
		h.end()
		return false
	}
	h.w.road(conflictBuried)
	h.of.buried = h.m.data
	h.steps = h.steps.Advance()
	return true
}

func (h *handling) lateSuccess() bool {
	h.w.problem("%s: money moved for a refund that had been given up", h.of.id)
	h.steps = h.steps.Advance()
	return true
}

func (h *handling) reconsider() bool {
	h.returnPermit()
	h.entry = h.of.read()
	h.steps = refund.Start(h.entry.record.Core, h.delivered())
	return true
}
