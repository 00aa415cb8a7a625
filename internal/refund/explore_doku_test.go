package refund

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
)

// ask lets worker i make an inquiry: every answer that DOKU might give.
func (m *model) ask(w world, i int) {
	try := func(what string, f Finding) {
		v := w
		m.learn(&v, i, Event{Kind: InquiryEnded, Finding: f, AskedAt: w.now})
		m.add(what, i, v)
	}
	try("asks in vain", NoAnswer)
	if w.moved > 0 {
		try("finds a success", FoundSuccess)
	}
	if slices.Contains(w.book[:], refused) {
		try("finds a failure", FoundFailure)
	}
	if !m.exact || w.moved == 0 || w.now <= w.movedAt.Add(brief) {
		try("does not find it", NotFound)
	}
}

// arrive lets DOKU answer request n: every answer that is true.
func (m *model) arrive(w world, n int) {
	r := w.net[n]
	w.net[n] = request{}
	known := w.book[r.key]
	switch {
	case m.honours && known == paid:
		m.answer("DOKU: success, replayed", w, r, Event{Answer: Success, Replay: true})
		m.answer("DOKU: 409", w, r, Event{Answer: Collision})
	case m.honours && known == refused:
		m.answer("DOKU: no, replayed", w, r, Event{Answer: DefiniteNo, Replay: true})
		m.answer("DOKU: 409", w, r, Event{Answer: Collision})
	default:
		m.answer("DOKU: success", w.pay(r), r, Event{Answer: Success})
	}
	if w.moved > 0 { // "total refund amount is bigger than original"
		m.answer("DOKU: no, too much", w, r, Event{Answer: DefiniteNo})
	}
	if w.spare == 0 {
		return
	}
	w.spare--
	m.answer("DOKU: not now", w, r, Event{Answer: NotExecuted})
	if known == nothing {
		w.book[r.key] = refused
		m.answer("DOKU: no", w, r, Event{Answer: DefiniteNo})
	}
}

func (w world) pay(r request) world {
	if w.moved == 0 {
		w.movedAt = r.left
	}
	w.moved++
	w.book[r.key] = paid
	return w
}

// answer lets e reach the worker that waits for it, and lets it be lost.
func (m *model) answer(what string, w world, r request, e Event) {
	m.add(what+", answer lost", -1, w)
	if r.owner >= 0 {
		e.Kind = SendEnded
		m.learn(&w, int(r.owner), e)
		m.add(what, int(r.owner), w)
	}
}

// check names what must never be.
func (w *world) check() string {
	switch s := w.ledger.State; {
	case w.moved > 1:
		return "paid twice"
	case (s == Failed || s == Rejected) && w.moved > 0:
		return "paid, and reported as not paid"
	case s == Succeeded && w.moved == 0:
		return "reported as paid, and not paid"
	default:
		return ""
	}
}

// crumb leads back to where a world was first reached from.
type crumb struct {
	from uint64
	what string
	who  int8
}

// outcome is what an exploration saw.
type outcome struct {
	worlds int
	rows   map[string]int
	ends   map[State]int // worlds by the state of the record
	wrong  string        // what must not be, and the shortest road to it
}

// explore visits every world that can be reached.
func explore(d doku, decide decider) outcome {
	m := model{doku: d, decide: decide, rows: map[string]int{}}
	seed := maphash.MakeSeed()
	first := world{now: d.start(), spare: 1}
	id := maphash.Comparable(seed, first)
	seen := map[uint64]crumb{id: {}}
	ends := map[State]int{}
	for level := []world{first}; len(level) > 0; {
		var next []world
		for _, w := range level {
			from := maphash.Comparable(seed, w)
			for _, mv := range m.successors(w) {
				m.tidy(&mv.to)
				id := maphash.Comparable(seed, mv.to)
				if _, known := seen[id]; known && mv.wrong == "" {
					continue
				}
				seen[id] = crumb{from, mv.what, mv.who}
				ends[mv.to.ledger.State]++
				if wrong := max(mv.wrong, mv.to.check()); wrong != "" {
					return outcome{len(seen), m.rows, ends, wrong + road(seen, id)}
				}
				next = append(next, mv.to)
			}
		}
		level = next
	}
	return outcome{len(seen), m.rows, ends, ""}
}

func road(seen map[uint64]crumb, id uint64) string {
	var steps []string
	for c := seen[id]; c.what != ""; c = seen[c.from] {
		who := ""
		if c.who >= 0 {
			who = fmt.Sprintf("worker %d ", c.who)
		}
		steps = append(steps, "\n  "+who+c.what)
	}
	slices.Reverse(steps)
	return strings.Join(steps, "")
}
