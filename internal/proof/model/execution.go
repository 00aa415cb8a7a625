package model

import (
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/refund"
)

// model explores one DOKU with one mutation, or none.
type model struct {
	DOKU
	mutation Mutation
	begin    refund.Time
	rules    refund.Policy
	follows  [8][8]bool // [refund.MayFollow]
	rows     map[string]int
	moves    []move
	wrong    check.Rule // of the move in the making
}

// move is one step of the world; who is the execution that makes it, or -1.
type move struct {
	what  step
	who   int8
	wrong check.Rule
	to    world
}

func newModel(d DOKU, mutation Mutation) *model {
	m := &model{DOKU: d, mutation: mutation, begin: d.start(), rules: d.policy(), rows: map[string]int{}}
	if m.mutation.decide == nil {
		m.mutation.decide = decide
	}
	for from := range m.follows {
		for to := range m.follows[from] {
			m.follows[from][to] = refund.MayFollow(refund.State(from), refund.State(to))
		}
	}
	return m
}

func (m *model) add(what step, who int, w world) {
	m.moves = append(m.moves, move{what, int8(who), m.wrong, w}) //nolint:gosec // two executions
	m.wrong = check.Kept
}

// thaw is the execution that execution h stands for, decided anew at the time at
// which it was decided.
func (m *model) thaw(h *execution) refund.Machine {
	return m.mutation.decide(m.full(h.core), m.whole(h.event), m.instant(h.at), m.rules)
}

// decideOn lets execution i decide on a execution that is open, and stops
// before the first effect that the world could notice.
func (m *model) decideOn(w *world, i int, open refund.Machine) {
	h := &w.executions[i]
	h.phase, h.stale, h.unsure, h.mine = idle, false, false, false
	h.core, h.event, h.at = m.pack(open.Core()), m.short(open.Event()), m.clock(w, i)
	decided := m.thaw(h)
	m.rows[decided.Row()]++
	m.goOn(w, i, decided)
}

// goOn stops at the next effect of a decided execution.
func (m *model) goOn(w *world, i int, decided refund.Machine) {
	h := &w.executions[i]
	switch effect, more := decided.Effect(); {
	case !more:
		w.free(i)
	case effect == refund.Append:
		h.phase = appending
		m.acknowledgeFirst(w, i, decided)
	case effect == refund.Prepare:
		h.phase = preparing
		h.at = 0 // decided again when all is available
	case effect == refund.Inquire:
		m.announce(h, asking, decided.Core())
	case effect == refund.Send:
		m.announce(h, sending, decided.Core())
		m.startTimer(w, i)
	case effect == refund.LateSuccess:
		m.goOn(w, i, decided.Advance())
	case effect == refund.Reread && m.unsure(w, i):
		w.free(i)
	case effect == refund.Reread:
		m.deliverTo(w, i)
	case effect == refund.Schedule || effect == refund.Ack:
		m.end(w, i, decided)
	default: // refused to the operator
		w.free(i)
	}
}

// announce continues from a record that is now the execution's own; all that is
// decided later starts from it.
func (m *model) announce(h *execution, p phase, own refund.Core) {
	h.phase, h.core, h.event, h.at = p, m.pack(own), event{}, 0
}

// end keeps which of the last effects are left. They say nothing about the
// refund: the execution is forgotten.
func (m *model) end(w *world, i int, decided refund.Machine) {
	effect, _ := decided.Effect()
	_, more := decided.Advance().Effect()
	unscheduled := m.mutation.unscheduled || m.mutation.earlyAck && w.executions[i].phase != appending
	next := acking
	if effect == refund.Schedule && decided.At() != 0 && !unscheduled { // a zero time would never fire
		next = scheduling
		if !more {
			next = forwarding
		}
	}
	w.executions[i] = execution{phase: next, holds: w.executions[i].holds}
}

// deliverTo lets execution i look at the refund anew, as any delivery does.
func (m *model) deliverTo(w *world, i int) {
	m.decideOn(w, i, refund.Start(m.full(w.ledger), m.delivered()))
}

func (m *model) delivered() refund.Event { return m.whole(event{kind: refund.Delivered}) }

// learn lets execution i decide on what it was told about its own record. Where
// that is not the last one any more, the first effect would be an append that
// is refused; that is cut short.
func (m *model) learn(w *world, i int, e event) {
	h := &w.executions[i]
	e.own = true
	told := refund.Start(m.full(h.core), refund.Event{}).Observe(m.whole(e))
	if h.stale {
		told = told.Moved(m.full(w.ledger), m.delivered())
	}
	m.decideOn(w, i, told)
}

// work lists what execution i may do next.
func (m *model) work(w *world, i int) {
	switch h := &w.executions[i]; {
	case h.phase == idle:
		return
	case m.unsure(w, i) && h.restsOnClock():
		m.requeue(*w, i)
		return
	}
	switch w.executions[i].phase {
	case preparing:
		m.prepare(w, i)
	case appending:
		m.append(w, i)
	case sending:
		m.look(*w, i)
	case looked:
		m.leave(*w, i)
	case calling:
		m.giveUp(*w, i, gaveUp)
	case heard:
		m.read(*w, i)
		if w.executions[i].event.kind == refund.SendEnded {
			m.giveUp(*w, i, lostAnswer)
		}
	case asking:
		m.ask(w, i)
	default:
		m.finish(*w, i)
	}
	m.crash(*w, i)
}

func (m *model) crash(w world, i int) {
	w.free(i)
	m.add(crashed, i, w)
}

func (m *model) prepare(w *world, i int) {
	for _, r := range []refund.Readiness{refund.Ready, refund.NotReady} {
		v, what := *w, gotReady
		if r == refund.NotReady {
			if what = notReady; v.spare == 0 {
				continue
			}
			v.spare--
		}
		h := &v.executions[i]
		e := h.event
		e.ready = r
		m.decideOn(&v, i, refund.Start(m.full(h.core), refund.Event{}).Observe(m.whole(e)))
		v.executions[i].stale = w.executions[i].stale
		m.add(what, i, v)
	}
}

// look is the last look at the clock.
func (m *model) look(w world, i int) {
	h := &w.executions[i]
	what := looks
	switch {
	case m.unsure(&w, i):
		what = holdsBack
	case m.timeIsUp(&w, i) && !m.mutation.sendLate:
		what = tooLate
	}
	if what != looks {
		m.learn(&w, i, event{kind: refund.SendEnded, answer: refund.NotExecuted})
		m.add(what, i, w)
		return
	}
	h.phase = looked
	m.add(looks, i, w)
}

// leave is the first byte on the socket.
func (m *model) leave(w world, i int) {
	h := &w.executions[i]
	if !h.ahead {
		m.emit(&w, i, h.core)
	}
	h.phase, h.ahead = calling, false
	m.add(sends, i, w)
}

// emit puts a request on its way. With both places taken it is lost.
func (m *model) emit(w *world, i int, c core) {
	for n := range w.net {
		if w.net[n].live {
			continue
		}
		w.net[n] = request{live: true, owner: int8(i), key: m.key(c), left: w.now, by: m.sendBy(&w.executions[i], c)} //nolint:gosec // two executions
		if m.tooLate(w.net[n], w.now) {
			w.net[n] = request{}
		}
		m.ageless(&w.net[n])
		return
	}
}

// ageless forgets the times that nothing of this DOKU depends on.
func (m *model) ageless(r *request) {
	if m.Inquiry != Exact {
		r.left = 0
	}
	if !m.Punctual {
		r.by = 0
	}
}

// key is the identifier of a send, as far as this DOKU looks at it.
func (m *model) key(c core) int8 {
	k := int8(0)
	switch {
	case m.External && m.mutation.newExternalID, m.mutation.newRequestID:
		k = c.sends - 1
	case m.External:
		k = int8(m.full(c).ExternalKey()) //nolint:gosec // a handful of sends
	}
	return min(k, keys-1)
}

func (m *model) giveUp(w world, i int, what step) {
	w.abandon(i)
	m.learn(&w, i, event{kind: refund.SendEnded})
	m.add(what, i, w)
}

func (m *model) read(w world, i int) {
	m.learn(&w, i, w.executions[i].event)
	m.add(reads, i, w)
}

// finish does the effects after the last append.
func (m *model) finish(w world, i int) {
	h := &w.executions[i]
	switch h.phase {
	case scheduling:
		w.message = true
		h.phase = acking
		m.add(schedules, i, w)
	case forwarding:
		w.message = true
		w.free(i)
		m.add(schedules, i, w)
	default:
		w.acknowledge(i)
		w.free(i)
		m.add(acknowledges, i, w)
	}
}
