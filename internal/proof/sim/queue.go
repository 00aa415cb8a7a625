package sim

import (
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/refund"
)

const ackWait = 30 * time.Second

// message is one message of REFUND_JOBS, or a wait that fired.
type message struct {
	of        *account // nil: nobody can say
	channel   channel.Channel
	channelNo int
	feed      intake.Origin
	data      []byte
	wakeUp    bool
	stored    refund.Time
	delivered int
	acked     bool
}

// publish stores a job after d. A producer that is told that nothing was stored
// tries again.
func (w *world) publish(a *account, data []byte, d time.Duration) {
	m := &message{of: a, data: data}
	if a == nil {
		m.channelNo = w.rng.IntN(len(channel.All()))
		m.channel = channel.All()[m.channelNo]
	} else {
		m.channel, m.channelNo = a.channel, a.channelNo
		a.queued++
	}
	w.published++
	w.after(d, func() { w.offer(m) })
}

func (w *world) offer(m *message) {
	if !w.stores {
		w.after(w.between(time.Second, time.Minute), func() { w.offer(m) })
		return
	}
	m.stored = w.now
	if m.of != nil {
		m.of.enqueued = append(m.of.enqueued, w.now)
	}
	w.deliver(m)
}

// deliver executions the message to a process that takes some; if none does now,
// later.
func (w *world) deliver(m *message) {
	if m.acked {
		return
	}
	first := w.rng.IntN(processes)
	for i := range processes {
		p := w.processes[(first+i)%processes]
		if p.takes(m.channelNo) {
			m.delivered++
			w.report.Deliveries++
			p.handle(m)
			return
		}
	}
	w.after(w.between(time.Second, 20*time.Second), func() { w.deliver(m) })
}

// redeliver delivers the message after d, unless it is acknowledged, or on its
// way again, by then.
func (w *world) redeliver(m *message, d time.Duration) {
	turn := m.delivered
	w.after(d, func() {
		if m.delivered == turn {
			w.deliver(m)
		}
	})
}

// ack settles the message; its acknowledgement may be lost.
func (w *world) ack(m *message) {
	if m.acked {
		return
	}
	if w.chance(10) {
		w.redeliver(m, ackWait)
		return
	}
	m.acked = true
	w.acked++
	if m.of != nil {
		m.of.queued--
	}
}
