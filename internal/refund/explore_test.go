package refund

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// The explorer walks every order of events of one refund, breadth first, so
// that the road to a mistake is the shortest one: two workers that are given
// its message at any time, stall and crash anywhere, answers that are lost,
// requests that arrive late. It drives Decide through its effects and knows
// nothing else of the table. Messages are not modelled one by one: one that
// was not acknowledged can come again at any time, and one that was must have
// left a result or a wait behind, which is checked where it is acknowledged.

// brief is DOKU_TIMEOUT and the quiet period of the explorer, and as long as
// the window of a send: an attempt is over after three of them.
const brief = 10 * time.Second

// doku is what the documents leave open about the other side.
type doku struct {
	honours  bool   // a request that repeats an identifier is never executed again
	forgets  bool   // but at the day's end
	exact    bool   // an inquiry tells the truth about requests that left longer ago than the quiet period
	repeat   Repeat // REPEAT_AFTER_UNKNOWN
	tick     time.Duration
	deadline int // ticks from the start
	dayEnd   int // ticks from the start
}

func (d doku) policy() Policy {
	return Policy{Timeout: brief, Quiet: brief, RetryDeadline: time.Hour, Repeat: d.repeat}
}

func (d doku) start() Time { return jakartaEnd.Add(-d.tick * time.Duration(d.dayEnd)) }
func (d doku) end() Time   { return d.start().Add(d.tick * time.Duration(d.deadline)) }

// last is when the clock stops: the last question has been asked by then.
func (d doku) last() Time { return d.end().Add(3 * brief) }

// tooLate reports whether r can no longer arrive: what the documented claim
// assumes of the network.
func (d doku) tooLate(r request, now Time) bool {
	switch {
	case d.exact:
		return now > r.left.Add(brief)
	case d.forgets:
		return now > r.by.Add(brief)
	default:
		return false
	}
}

// entry is what DOKU keeps of an identifier.
type entry uint8

const (
	nothing entry = iota
	paid
	refused
)

// request is one that left a worker and has not arrived.
type request struct {
	live     bool
	owner    int8 // the worker that waits for its answer; -1: none
	key      int8
	left, by Time
}

// handling is one delivery in the hands of one worker.
type handling struct {
	busy    bool
	stale   bool // another record was stored since core was read
	calling bool
	todo    [3]Effect
	left    int8 // effects still to do
	at      Time // when a wait of this step fires; 0: never
	core    Core
	next    Core
	event   Event
}

func (h *handling) is(e Effect) bool { return h.busy && h.left > 0 && h.todo[0] == e }

// world is everything there is, comparable.
type world struct {
	now     Time
	ledger  Core
	moved   int8 // movements of money
	movedAt Time // when the first executed request left its worker
	spare   int8 // refusals and delays still in store
	book    [2]entry
	net     [2]request
	workers [2]handling
}

// move is one step of the world; who is the worker that makes it, or -1.
type move struct {
	what  string
	who   int8
	to    world
	wrong string // what must not be, done on the way
}

// decider is the signature of [Decide].
type decider func(Core, Event, Time, Policy) Step

// model explores a doku with the decisions of a decider.
type model struct {
	doku
	decide decider
	rows   map[string]int
	moves  []move
	wrong  string // of the move in the making
}

func (m *model) add(what string, who int, w world) {
	m.moves = append(m.moves, move{what, int8(who), w, m.wrong})
	m.wrong = ""
}

// successors lists what may happen next.
func (m *model) successors(w world) []move {
	m.moves = m.moves[:0]
	if w.now < m.last() {
		m.passTime(w)
	}
	for n, r := range w.net {
		if r.live {
			m.arrive(w, n)
		}
	}
	idle := slices.IndexFunc(w.workers[:], func(h handling) bool { return !h.busy })
	if idle >= 0 && !w.ledger.State.Result() {
		m.deliver(w, idle)
	}
	for i := range w.workers {
		if w.workers[i].busy {
			m.work(w, i)
			m.crash(w, i)
		}
	}
	return m.moves
}

func (m *model) passTime(w world) {
	w.now = w.now.Add(m.tick)
	if m.forgets && w.now == jakartaEnd {
		w.book = [2]entry{}
	}
	for n, r := range w.net {
		if r.live && m.tooLate(r, w.now) {
			w.net[n] = request{}
		}
	}
	m.add("time passes", -1, w)
}

func (m *model) deliver(w world, i int) {
	w.workers[i] = handling{busy: true}
	m.reread(&w, i, Event{Kind: Delivered})
	m.add("is given the message", i, w)
}

func (m *model) crash(w world, i int) {
	w.abandon(i)
	w.workers[i] = handling{}
	m.add("crashes", i, w)
}

// abandon leaves worker i's request without anybody who waits for its answer.
func (w *world) abandon(i int) {
	for n, r := range w.net {
		if r.live && r.owner == int8(i) {
			w.net[n].owner = -1
		}
	}
}

// reread lets worker i read the record and decide on e.
func (m *model) reread(w *world, i int, e Event) {
	w.workers[i].core, w.workers[i].stale = w.ledger, false
	m.decideOn(w, i, e)
}

// learn lets worker i decide on what it was told. If its record is not the last
// any more, the append that follows would tell it so; that is cut short.
func (m *model) learn(w *world, i int, e Event) {
	if w.workers[i].stale {
		m.reread(w, i, e)
		return
	}
	e.Own = true
	m.decideOn(w, i, e)
}

// decideOn lets worker i decide on e and begin with the effects.
func (m *model) decideOn(w *world, i int, e Event) {
	h := &w.workers[i]
	h.event, h.calling = e, false
	e.Same, e.Deadline, e.Delay, e.Nonce = true, m.end(), m.tick, 1
	step := m.decide(h.core, e, w.now, m.policy())
	m.rows[step.Row]++
	if !isLine(h.core, step) {
		m.wrong = fmt.Sprintf("%v leads to %v by %q, which is no line of the table", h.core.State, step.Next.State, step.Row)
	}
	h.next, h.at, h.todo = step.Next, step.At, [3]Effect{}
	h.next.Delays = 0 // grows for ever, and no row reads it
	if !h.next.State.Result() {
		h.next.Code = 0 // likewise
	}
	h.left = int8(copy(h.todo[:], step.Effects))
	m.settle(w, i)
}

// isLine reports whether the table has such a step.
func isLine(from Core, step Step) bool {
	return slices.ContainsFunc(table, func(r row) bool {
		to := r.to
		if to == stay {
			to = from.State
		}
		return r.name == step.Row && r.from.has(from.State) && to == step.Next.State
	})
}

// settle does those effects of worker i that the world cannot tell from their
// not having been done, and forgets what the others do not need.
func (m *model) settle(w *world, i int) {
	h := &w.workers[i]
	for waits := false; h.is(Schedule) || h.is(Ack) || h.is(Reread) || h.is(LateSuccess); {
		switch h.todo[0] {
		case Schedule:
			waits = h.at != 0
		case Ack:
			if !w.ledger.State.Result() && !waits {
				m.wrong = fmt.Sprintf("acknowledged though %v has no wait", w.ledger.State)
			}
			*h = handling{}
			return
		case Reread:
			m.reread(w, i, Event{Kind: Delivered})
			return
		default:
			m.wrong = "late success"
		}
		h.done()
	}
	if !slices.Contains(h.todo[:h.left], Append) {
		h.next, h.at = Core{}, 0
	}
}

// tidy makes worlds equal that differ only in what nobody will look at again.
func (m *model) tidy(w *world) {
	for i := range w.workers {
		h := &w.workers[i]
		if !h.stale || h.is(Send) {
			continue
		}
		if !h.calling && h.event.Kind == Delivered { // it would begin anew, as any delivery does
			*h = handling{}
			continue
		}
		h.core, h.next, h.at, h.event.Ready = Core{}, Core{}, 0, NotChecked
	}
	if order(&w.workers[0], &w.workers[1]) > 0 {
		w.workers[0], w.workers[1] = w.workers[1], w.workers[0]
		for n, r := range w.net {
			if r.live && r.owner >= 0 {
				w.net[n].owner = 1 - r.owner
			}
		}
	}
}

// order compares two handlings by what usually differs; workers are alike.
func order(a, b *handling) int {
	return cmp.Or(a.rank()-b.rank(), cmp.Compare(a.event.Finding, b.event.Finding), cmp.Compare(a.event.Answer, b.event.Answer),
		cmp.Compare(a.next.Due, b.next.Due), cmp.Compare(a.next.State, b.next.State), cmp.Compare(a.core.Due, b.core.Due))
}

func (h *handling) rank() int {
	rank := 0
	for i, yes := range []bool{h.busy, h.stale, h.calling, h.is(Append), h.is(Send), h.is(Inquire)} {
		if yes {
			rank |= 1 << i
		}
	}
	return rank
}

func (h *handling) done() {
	h.todo = [3]Effect{h.todo[1], h.todo[2]}
	h.left--
}

// work does worker i's next effect, or ends its call without an answer.
func (m *model) work(w world, i int) {
	h := &w.workers[i]
	switch {
	case h.calling:
		w.abandon(i)
		m.learn(&w, i, Event{Kind: SendEnded})
		m.add("gets no answer", i, w)
	case h.is(Append):
		m.store(w, i)
	case h.is(Prepare):
		m.prepare(w, i)
	case h.is(Send):
		m.send(w, i)
	case h.is(Inquire):
		m.ask(w, i)
	}
}

// store is the compare-and-set append; refused, the record is read again and
// the same event decided upon by a handling that owns nothing any more.
func (m *model) store(w world, i int) {
	h := &w.workers[i]
	if h.stale {
		e := h.event
		e.Own, e.Ready = false, NotChecked
		m.reread(&w, i, e)
		m.add("loses the race", i, w)
		return
	}
	if w.ledger.State.Final() {
		m.wrong = fmt.Sprintf("%v became %v", w.ledger.State, h.next.State)
	}
	w.ledger, h.core = h.next, h.next
	w.workers[1-i].stale = w.workers[1-i].busy
	h.done()
	m.settle(&w, i)
	m.add("stores "+w.ledger.State.String(), i, w)
}

// forget drops the times that this DOKU does not look at.
func (m *model) forget(r *request) {
	if !m.exact {
		r.left = 0
	}
	if !m.forgets {
		r.by = 0
	}
}

func (m *model) prepare(w world, i int) {
	for r, what := range map[Readiness]string{Ready: "is ready", NotReady: "is not ready"} {
		v := w
		if r == NotReady {
			if v.spare--; v.spare < 0 {
				continue
			}
		}
		e := v.workers[i].event
		e.Ready = r
		m.decideOn(&v, i, e)
		m.add(what, i, v)
	}
}

func (m *model) send(w world, i int) {
	h := &w.workers[i]
	if w.now > h.core.SendBy {
		m.learn(&w, i, Event{Kind: SendEnded, Answer: NotExecuted})
		m.add("is too late to send", i, w)
		return
	}
	if n := slices.IndexFunc(w.net[:], func(r request) bool { return !r.live }); n >= 0 {
		w.net[n] = request{live: true, owner: int8(i), key: min(int8(h.core.ExternalKey()), 1), left: w.now, by: h.core.SendBy}
		m.forget(&w.net[n])
	}
	h.calling, h.event = true, Event{}
	h.done()
	m.settle(&w, i)
	m.add("sends", i, w)
}
