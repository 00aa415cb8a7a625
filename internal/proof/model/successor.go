package model

import (
	"cmp"
	"slices"

	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/refund"
)

// successors lists what may happen next. The list is good until the next call.
func (m *model) successors(w *world) []move {
	m.moves = m.moves[:0]
	if w.over() {
		return nil
	}
	if w.now < m.last() {
		m.passTime(*w)
	}
	for n := range w.net {
		if w.net[n].live {
			m.arrive(*w, n)
		}
	}
	if w.running {
		m.complete(*w)
	}
	m.deliveries(w)
	for i := range w.executions {
		m.work(w, i)
	}
	if m.Operator {
		m.operate(w)
	}
	if m.Strangers && !w.stranger {
		m.usurp(*w)
	}
	if m.Loses && !w.lost && w.ledger.state != refund.None {
		m.forget(*w)
	}
	if m.Skew != 0 {
		m.jump(*w)
	}
	return m.moves
}

func (m *model) passTime(w world) {
	before := w.now
	w.now += m.Step
	for _, h := range w.executions {
		if h.phase == looked && m.stalledTooLong(m.sendBy(&h, h.core), w.now) {
			return
		}
	}
	what := timePasses
	if before < m.DayEnd && w.now >= m.DayEnd {
		what = dayEnds
		if m.Keeps == KeptDay {
			w.book = [keys]entry{}
		}
	}
	for n, r := range w.net {
		if r.live && m.tooLate(r, w.now) {
			w.net[n] = request{}
		}
	}
	m.add(what, -1, w)
}

// forget lets the ledger lose its last record: a power cut before it was
// flushed. What follows the loss finds the record before.
func (m *model) forget(w world) {
	w.ledger, w.before, w.lost = w.before, core{}, true
	for i := range w.executions {
		w.executions[i].overtaken(core{state: refund.Sending})
	}
	m.add(forgets, -1, w)
}

// deliveries lists how a message may come to an execution. Every stored one may
// come at any time, also while the other execution has it.
func (m *model) deliveries(w *world) {
	if w.ledger.state.Final() && !m.Loses {
		return
	}
	for i := range w.executions {
		if w.executions[i].phase != idle || m.unsure(w, i) {
			continue
		}
		m.deliveriesTo(w, i)
		if m.Skew == 0 { // else workers are alike
			return
		}
	}
}

func (m *model) deliveriesTo(w *world, i int) {
	if w.message {
		v := *w
		v.message = false
		v.executions[i].holds = single
		m.deliver(v, i, delivers)
	}
	if w.executions[1-i].holds == single {
		v := *w
		v.executions[i].holds, v.executions[1-i].holds = both, both
		m.deliver(v, i, deliversAgain)
	}
	if m.Loses && !w.message {
		v := *w
		v.executions[i].holds = single
		m.deliver(v, i, published)
	}
}

func (m *model) deliver(w world, i int, what step) {
	if m.mutation.processOwns && w.ledger.state == refund.Sending {
		v := w
		m.announce(&v.executions[i], sending, m.full(w.ledger))
		m.add(takesOver, i, v)
	}
	m.deliverTo(&w, i)
	m.add(what, i, w)
}

// operate lists what an operator may do: at once, or, asking DOKU, with time
// between the question and what follows.
func (m *model) operate(w *world) {
	m.command(w, cancels, event{kind: refund.Cancelled})
	m.command(w, forwards, event{kind: refund.BroughtForward})
	if w.ledger.state == refund.Unresolved {
		m.speak(w)
	}
	if w.ledger.state != refund.Unknown && w.ledger.state != refund.Unresolved {
		return
	}
	for _, f := range m.findings(w) {
		e := event{kind: refund.OperatorInquired, finding: f, asked: w.now}
		m.command(w, operatorAsks+step(f), e)
		if i := slices.IndexFunc(w.executions[:], func(h execution) bool { return h.phase == idle }); i >= 0 {
			v := *w
			m.decideOn(&v, i, refund.Start(m.full(w.ledger), m.whole(e)))
			if v.executions[i].phase != idle {
				m.add(operatorAsks+step(f), i, v)
			}
		}
	}
}

// speak is an operator who looked at DOKU's own pages, and says what stands
// there. Where something may arrive at any time, a person knows more than that.
func (m *model) speak(w *world) {
	if w.moved > 0 {
		m.command(w, verdictYes, event{kind: refund.OperatorVerdict, verdict: refund.Succeeded})
		return
	}
	if !w.running && !w.stranger && (m.bounded() || !w.pending()) {
		m.command(w, verdictNo, event{kind: refund.OperatorVerdict, verdict: refund.Failed})
	}
}

// pending reports whether something that was sent, or still may be, can arrive.
func (w *world) pending() bool {
	for i := range w.executions {
		if w.net[i].live || w.executions[i].phase == sending || w.executions[i].phase == looked {
			return true
		}
	}
	return false
}

// command carries out an operator's command at once.
func (m *model) command(w *world, what step, e event) {
	decided := m.mutation.decide(m.full(w.ledger), m.whole(e), m.instant(w.now), m.rules)
	if effect, more := decided.Effect(); !more || effect != refund.Append {
		return
	}
	m.rows[decided.Row()]++
	if !m.follows[w.ledger.state][decided.Next().State] {
		m.wrong = check.NoPath
	}
	v := *w
	if m.Loses && !v.lost {
		v.before = v.ledger
	}
	v.ledger = m.pack(decided.Next())
	for i := range v.executions {
		v.executions[i].overtaken(v.ledger)
	}
	if effect, more := decided.Advance().Effect(); more && effect == refund.Schedule && decided.At() != 0 {
		v.message = true
	}
	m.add(what, -1, v)
}

// tidy makes worlds equal that differ only in what cannot matter any more.
func (m *model) tidy(w *world) (swapped bool) {
	if w.ledger.state.Final() && (!m.Loses || w.lost) {
		m.tidyFinal(w)
	}
	if m.Inquiry == Exact && w.moved > 0 && w.now > w.movedLeft+m.Quiet {
		w.movedLeft = 0
	}
	for i := range w.executions {
		m.tidyHand(w, i)
	}
	if swapped = m.Skew == 0 && order(&w.executions[0], &w.executions[1]) > 0; swapped {
		w.executions[0], w.executions[1] = w.executions[1], w.executions[0]
		for n, r := range w.net {
			if r.live && r.owner >= 0 {
				w.net[n].owner = 1 - r.owner
			}
		}
	}
	if w.net[0].rank() > w.net[1].rank() {
		w.net[0], w.net[1] = w.net[1], w.net[0]
	}
	return swapped
}

// tidyFinal forgets all that could only find that nothing is left to do: no row
// leads away from a final result. What may still be sent remains.
func (m *model) tidyFinal(w *world) {
	w.message, w.before = false, core{}
	for i := range w.executions {
		h := &w.executions[i]
		h.holds = empty
		if h.phase != sending && h.phase != looked && !h.mine {
			w.abandon(i)
			*h = execution{}
		}
	}
}

// tidyHand forgets a record that has been overtaken: what follows is decided
// from the last one. A delivery would begin anew, as any other does.
func (m *model) tidyHand(w *world, i int) {
	h := &w.executions[i]
	if !h.stale || m.Loses || h.mine || h.ahead {
		return
	}
	switch h.phase {
	case appending:
		if h.event.kind == refund.Delivered {
			w.free(i)
			return
		}
		h.core, h.at, h.unsure = core{}, 0, false
	case preparing:
		if h.event.kind == refund.Delivered {
			w.free(i)
		}
	case calling, heard, asking:
		h.core = core{}
	default: // sends by its own record, or has forgotten it
	}
}

// order compares two executions; workers are alike.
func order(a, b *execution) int {
	return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.core.rank(), b.core.rank()))
}

func (h *execution) rank() uint64 {
	rank := uint64(0)
	for _, v := range [...]uint8{
		uint8(h.phase)<<3 | uint8(h.holds), uint8(h.event.kind)<<4 | uint8(h.event.answer),
		uint8(h.event.finding)<<4 | uint8(h.event.ready), uint8(h.event.asked), uint8(h.at), //nolint:gosec // bits
	} {
		rank = rank<<8 | uint64(v)
	}
	for _, yes := range [...]bool{h.stale, h.unsure, h.mine, h.ahead, h.event.own, h.event.replay} {
		rank <<= 1
		if yes {
			rank |= 1
		}
	}
	return rank
}

func (c core) rank() uint64 {
	rank := uint64(0)
	for _, v := range [...]int8{int8(c.state), c.sends, c.firstUnknown, c.due, c.sendBy, c.askFrom, c.firstAt} { //nolint:gosec // bits
		rank = rank<<8 | uint64(uint8(v)) //nolint:gosec // bits
	}
	return rank
}

func (r request) rank() int {
	if !r.live {
		return 0
	}
	return 1 + int(r.owner+1) + int(r.key)<<4 + int(r.left)<<12 + int(r.by)<<20
}
