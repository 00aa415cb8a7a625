package model

import (
	"refundworker.example/refundworker/internal/proof/check"
	"refundworker.example/refundworker/internal/refund"
)

// append is the guarded append of execution i's next record.
func (m *model) append(w *world, i int) {
	h := &w.executions[i]
	decided := m.thaw(h)
	next := decided.Next()
	if m.mutation.sendFirst && next.State == refund.Sending && !h.ahead {
		v := *w
		m.emit(&v, i, m.pack(next))
		v.executions[i].ahead = true
		m.add(sends, i, v)
		return
	}
	switch {
	case h.stale && m.mutation.nonceIsOwn && h.mine:
		v := *w
		m.stored(&v, i, decided)
		m.add(mistaken, i, v)
	case h.stale:
		m.refused(*w, i)
	case m.mutation.sharesBatch && w.executions[1-i].appends():
		m.storeBoth(*w, i)
	case h.unsure:
		v := *w
		m.stored(&v, i, decided)
		m.add(finds, i, v)
	default:
		m.store(*w, i, decided, false)
		if m.Unsure {
			m.store(*w, i, decided, true)
		}
	}
}

// store appends; unsure keeps the acknowledgement from the execution.
func (m *model) store(w world, i int, decided refund.Machine, unsure bool) {
	next := decided.Next()
	if !m.follows[w.ledger.state][next.State] {
		m.wrong = check.NoPath
	}
	if m.Loses && !w.lost {
		w.before = w.ledger
	}
	w.ledger = m.pack(next)
	w.executions[1-i].overtaken(w.ledger)
	what := stores + step(next.State)
	if unsure {
		w.executions[i].unsure, w.executions[i].mine = true, m.mutation.nonceIsOwn
		what = storesUnsure + step(next.State)
	} else {
		m.stored(&w, i, decided)
	}
	m.add(what, i, w)
}

// storeBoth is a mutation: a batch holds the appends of both executions. The
// server compares both with what was stored before the batch, stores both, and
// says so.
func (m *model) storeBoth(w world, i int) {
	for _, n := range [...]int{1 - i, i} {
		decided := m.thaw(&w.executions[n])
		w.ledger = m.pack(decided.Next())
		m.stored(&w, n, decided)
	}
	m.add(storesBoth, i, w)
}

// appends reports whether the execution is about to append after the last record.
func (h *execution) appends() bool { return h.phase == appending && !h.stale && !h.unsure }

// stored continues from the record that now is the last one.
func (m *model) stored(w *world, i int, decided refund.Machine) {
	h := &w.executions[i]
	h.stale, h.unsure, h.mine = false, false, false
	decided = decided.Advance()
	switch _, more := decided.Effect(); {
	case more:
		m.goOn(w, i, decided)
	default:
		w.free(i)
	}
}

// overtaken tells an execution that another has stored a record. A takeover and all
// that is not a new attempt keep the nonce of the record before.
func (h *execution) overtaken(by core) {
	if h.phase == idle || h.phase >= scheduling {
		return
	}
	h.stale = true
	h.mine = h.mine && by.state != refund.Sending
}

// refused is an append where another record stands: read, decide again.
func (m *model) refused(w world, i int) {
	h := &w.executions[i]
	moved := refund.Start(m.full(h.core), m.whole(h.event)).Moved(m.full(w.ledger), m.delivered())
	m.decideOn(&w, i, moved)
	m.add(losesRace, i, w)
}

// acknowledgeFirst is a mutation.
func (m *model) acknowledgeFirst(w *world, i int, decided refund.Machine) {
	if first := m.mutation.ackFirst; first != nil && first(decided.Next().State) {
		w.acknowledge(i)
	}
}
