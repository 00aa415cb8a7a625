package model

import (
	"refundworker.example/refundworker/internal/refund"
)

// arrive lets DOKU look at request n: every answer that it may give.
func (m *model) arrive(w world, n int) {
	r := w.net[n]
	if m.Copies && !w.copied {
		v := w
		v.copied, v.net[n].owner = true, -1
		m.execute(v, r)
		r := r
		v.net[n].owner, r.owner = r.owner, -1
		m.execute(v, r)
	}
	w.net[n] = request{}
	m.execute(w, r)
}

func (m *model) execute(w world, r request) {
	known := w.book[r.key]
	if m.Over && w.moved > 0 {
		m.answer(tooMuch, w, r, event{answer: refund.DefiniteNo})
	}
	switch {
	case m.Keeps != NotKept && (known == paid || known == accepted):
		m.repeated(w, r, known)
	case m.Burned && (known == refusedForGood || known == refusedForNow):
		m.repeated(w, r, known)
	case m.Full && w.moved > 0:
		m.answer(tooMuch, w, r, event{answer: refund.DefiniteNo})
	case !m.Flaps && w.refused:
		m.refuse(w, r)
	default:
		m.fresh(w, r)
	}
}

// stored is what a 409 with a body holds, by what became of the first request.
var stored = [...]event{
	fresh:          {},
	accepted:       {answer: refund.NoProof},
	paid:           {answer: refund.Success, replay: true},
	refusedForGood: {answer: refund.DefiniteNo, replay: true},
	refusedForNow:  {answer: refund.ReplayedRefusal, replay: true},
}

func (m *model) repeated(w world, r request, known entry) {
	if m.Body {
		m.answer(replayed, w, r, stored[known])
	}
	if m.Bare {
		m.answer(conflict, w, r, event{answer: refund.Collision})
	}
}

// fresh is a request that DOKU has not seen, or forgotten.
func (m *model) fresh(w world, r request) {
	m.answer(succeeds, w.pay(r.key, r.left), r, event{answer: refund.Success})
	if m.Progress && !w.running {
		v := w
		v.running, v.runKey, v.runLeft = true, r.key, r.left
		v.book[r.key] = accepted
		m.answer(accepts, v, r, event{answer: refund.NoProof})
	}
	if w.spare == 0 {
		return
	}
	w.spare--
	m.refuse(w, r)
	if m.Lies {
		m.answer(lies, w.pay(r.key, r.left), r, event{answer: refund.NotExecuted})
	}
	if w.book[r.key] == fresh {
		w.book[r.key] = refusedForNow
	}
	m.answer(notNow, m.unburned(w), r, event{answer: refund.NotExecuted})
}

// refuse is a definite refusal. An identifier that was paid stays so.
func (m *model) refuse(w world, r request) {
	w.refused = true
	if w.book[r.key] != paid && w.book[r.key] != accepted {
		w.book[r.key] = refusedForGood
	}
	m.answer(saysNo, m.unburned(w), r, event{answer: refund.DefiniteNo})
}

// unburned forgets refused identifiers where DOKU does not count them as used.
func (m *model) unburned(w world) world {
	if m.Burned {
		return w
	}
	for k, known := range w.book {
		if known == refusedForGood || known == refusedForNow {
			w.book[k] = fresh
		}
	}
	return w
}

func (w world) pay(key, left int8) world {
	if w.moved == 0 {
		w.movedLeft = left
	}
	w.moved++
	w.book[key] = paid
	return w
}

// answer puts e into the execution that waits for it. It may be lost from there.
func (m *model) answer(what step, w world, r request, e event) {
	if r.owner >= 0 && w.executions[r.owner].phase == calling {
		e.kind = refund.SendEnded
		w.executions[r.owner].phase, w.executions[r.owner].event = heard, e
	}
	m.add(what, -1, w)
}

// complete lets DOKU do what it has accepted.
func (m *model) complete(w world) {
	key, left := w.runKey, w.runLeft
	w.running, w.runKey, w.runLeft = false, 0, 0
	if !m.Full || w.moved == 0 {
		m.add(executes, -1, w.pay(key, left))
	}
	w.refused = true
	if w.book[key] == accepted {
		w.book[key] = refusedForGood
	}
	m.add(declines, -1, m.unburned(w))
}

// findings lists what an inquiry may say now.
func (m *model) findings(w *world) []refund.Finding {
	list := []refund.Finding{refund.NoAnswer}
	if m.Inquiry == Empty {
		return append(list, refund.NotFound)
	}
	if m.Blank {
		list = append(list, refund.NotFoundNoHistory)
	}
	exact := m.Inquiry == Exact
	seen := exact && w.moved > 0 && w.now > w.movedLeft+m.Quiet
	if w.moved > 0 || w.stranger {
		list = append(list, refund.FoundSuccess)
	}
	if w.refused && !seen {
		list = append(list, refund.FoundFailure)
	}
	if w.running {
		list = append(list, refund.FoundRunning)
	}
	if !seen && (!exact || !w.running || w.now <= w.runLeft+m.Quiet) {
		list = append(list, refund.NotFound)
	}
	if w.stranger {
		list = append(list, refund.Contradiction)
	}
	return list
}

func (m *model) ask(w *world, i int) {
	for _, f := range m.findings(w) {
		v := *w
		e := event{kind: refund.InquiryEnded, finding: f, asked: m.clock(w, i)}
		if m.Skew != 0 { // the clock may jump before the answer is judged
			v.executions[i].phase, v.executions[i].event = heard, e
		} else {
			m.learn(&v, i, e)
		}
		m.add(asks+step(f), i, v)
	}
}

// usurp lets somebody else use our identifier.
func (m *model) usurp(w world) {
	w.stranger = true
	w.book[0] = paid
	m.add(usurped, -1, w)
}
