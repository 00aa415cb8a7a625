package sim

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

// execution is one delivery in one process. It asks [refund.Machine] what to do
// next, as the worker's does, and carries it out in this world.
type execution struct {
	w           *world
	p           *process
	l           *channelState
	m           *message
	of          *account
	turn        int // which delivery of the message
	job         jobs.Incoming
	entry       entry // the record that is decided from
	machine     refund.Machine
	decided     refund.Time // when the machine decided last, by the process's clock
	permit      *retry.Permit
	response    refund.Response
	holdsAnswer bool // an answer that could not be stored yet
	over        bool
}

// handle takes a message in flight.
func (p *process) handle(m *message) {
	w := p.w
	decoded := readJob(m)
	if decoded.Outcome == jobs.Unreadable {
		if !w.stores {
			w.redeliver(m, ackWait)
			return
		}
		w.cover(unreadableDeadLettered)
		w.ack(m)
		return
	}
	if m.of == nil {
		w.problem("a message of nobody reads as %s", decoded.Job.RefundID)
		return
	}
	if m.of.busy[p.n] { // no owner: left to its AckWait
		w.cover(secondDeliveryLeft)
		w.redeliver(m, ackWait)
		return
	}
	m.of.busy[p.n] = true
	h := &execution{w: w, p: p, l: p.channels[m.channelNo], m: m, of: m.of, turn: m.delivered, job: decoded}
	p.inFlight = append(p.inFlight, h)
	if m.feed == intake.FromDue || m.delivered > 1 {
		h.entry = h.of.read()
	}
	h.machine = refund.Start(h.entry.record.Core, h.delivered())
	h.run()
}

func readJob(m *message) jobs.Incoming {
	header := nats.Header{}
	if m.wakeUp {
		header.Set(jobs.HeaderWakeUp, "1")
	}
	return jobs.Read(m.channel, header, m.data, m.feed == intake.FromDue)
}

// run decides and does until nothing more follows, or until something has to be
// waited for.
func (h *execution) run() {
	for !h.over {
		now, before := h.p.clock(), h.machine
		h.machine = h.machine.Decide(now, h.p.policy)
		if h.machine != before {
			h.decided = now
			h.passed()
		}
		effect, more := h.machine.Effect()
		if !more {
			h.end()
			return
		}
		if h.disturbed(effect) {
			return
		}
		if h.needsClock() && !h.p.sure() {
			h.requeue()
			return
		}
		h.w.step(h.of.n, h.machine.Row(), h.p.n, int(effect))
		if !h.carryOut(effect) {
			return
		}
	}
}

// disturbed lets something happen between two effects.
func (h *execution) disturbed(next refund.Effect) bool {
	switch {
	case h.w.chance(1):
		h.diedBefore(next)
		h.p.crash()
	case h.w.chance(2): // as a bug in this execution would
		h.end()
	case h.w.chance(1):
		h.p.sleep(h.w.between(time.Second, 10*time.Minute))
		h.after(0, h.run)
	case h.w.chance(10):
		h.pause()
	default:
		return false
	}
	return true
}

// pause makes this execution alone stand still, perhaps past send_by, or past
// the ceiling up to which its message is kept alive.
func (h *execution) pause() {
	d := h.w.between(0, 20*time.Second)
	if h.w.rng.IntN(4) == 0 {
		d = h.w.between(20*time.Second, 15*time.Minute)
		h.w.redeliver(h.m, refund.SendWindow+2*h.p.policy.Timeout+appendTimeout+ackWait)
	}
	h.after(d, h.run)
}

// after continues after d; a process that stands still does so when it wakes, one
// that died never.
func (h *execution) after(d time.Duration, do func()) {
	h.w.after(d, func() {
		switch {
		case h.over:
		case h.p.asleep > h.w.now:
			h.after(time.Duration(h.p.asleep-h.w.now), do)
		default:
			do()
		}
	})
}

// end lets go of the message. One that is not acknowledged comes again.
func (h *execution) end() {
	h.over = true
	h.returnPermit()
	h.releaseAnswer()
	h.of.busy[h.p.n] = false
	h.p.drop(h)
	if !h.m.acked && h.m.delivered == h.turn {
		h.w.redeliver(h.m, ackWait)
	}
}

// delivered is the event of this delivery against the record in flight.
func (h *execution) delivered() refund.Event { return h.job.Delivered(&h.entry.record) }

func (h *execution) returnPermit() {
	if h.permit != nil {
		h.permit.Cancel()
		h.permit = nil
	}
}

// next builds the record to append.
func (h *execution) next() refund.Record {
	last := h.entry.record
	if last.V == 0 {
		last = h.job.FirstRecord(h.m.stored)
		last.ClientID, last.Environment = clientID, "simulator"
	}
	if h.m.wakeUp && h.entry.seq == 0 {
		h.w.problem("%s: begun by a wake-up", h.of.id)
	}
	details := refund.Details{At: h.decided, By: h.p.stamp(), Prev: h.entry.seq, Response: h.response}
	if h.machine.Event().Job == refund.InvalidJob {
		details.Note = h.job.Problems.String()
	}
	return h.w.mutation.record(h.machine.Record(last, details), h.decided)
}

// stamp makes every record of every process different from all others.
func (p *process) stamp() string {
	p.stamps++
	return fmt.Sprintf("%d-%d", p.n, p.stamps)
}
