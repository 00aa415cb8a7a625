package sim

import (
	"strconv"
	"strings"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/refund"
)

// request is a refund that DOKU has taken up, and what became of it.
type request struct {
	id, external string // Request-Id or partnerRefundNo; X-EXTERNAL-ID
	amount       int64
	at           refund.Time
	state        progress
	ends         refund.Time // when it leaves running
	known        bool        // the id counts as used
	stored       page        // what a repeat of a card's Request-Id gets
}

// progress is where a request stands at DOKU.
type progress uint8

const (
	running progress = iota
	paid
	refused
	turnedAway // not executed, and not shown to inquiries
)

// standing returns where the request stood at a time, for inquiries that lag
// behind.
func (r *request) standing(view refund.Time) progress {
	if r.state != turnedAway && r.ends > view {
		return running
	}
	return r.state
}

// endedBefore answers a request that a fault ends before DOKU looks at it.
func (w *world) endedBefore(o doku.Order, f fault) (p page, ended bool) {
	switch f {
	case errorBefore:
		return w.brokenPage(o), true
	case pageBefore:
		return htmlPage, true
	case redirect:
		return page{status: 307}, true
	case unauthorized:
		return w.credentialsRefused(o), true
	default:
		return page{}, false
	}
}

// execute is a refund call arriving at DOKU.
func (w *world) execute(a *account, o doku.Order, f fault) page {
	w.checkOrder(a, o, false)
	if p, ended := w.endedBefore(o, f); ended {
		return p
	}
	if f == tooMany || f == notNow {
		return w.turnAway(a, o, f)
	}
	p := w.decide(a, o, f)
	switch f {
	case errorAfter:
		return w.brokenPage(o)
	case pageAfter:
		return htmlPage
	case truncated:
		p.cut = true
	case wrongSignature:
		p.signature = wronglySigned
	case noSignature:
		p.signature = unsigned
	default:
	}
	return p
}

// decide is DOKU's own business: identifiers, limits, money.
func (w *world) decide(a *account, o doku.Order, f fault) page {
	if a.foreign {
		return conflict(o, "00")
	}
	p, used := w.usedBefore(a, o)
	tooMuch := a.taken()+o.Amount > a.payment
	if used && (!tooMuch || !w.behaviour.limits) {
		return p
	}
	if expired(o, w.now) {
		return snapPage(401, "02", "")
	}
	r := &request{id: idOf(o), external: o.ExternalID, amount: o.Amount, at: w.now, ends: w.now, known: true}
	if tooMuch || a.fate == declines || a.fate == wavers && w.rng.IntN(2) == 0 {
		if a.times > 0 {
			w.cover(overRefundRefused)
		}
		r.state, r.known = refused, w.behaviour.burns
		r.stored = declined(o, w.rng.IntN(3))
		a.requests = append(a.requests, r)
		return r.stored
	}
	a.requests = append(a.requests, r)
	if f == inProgress {
		w.run(a, r, o)
		return pending(o)
	}
	r.stored = granted(o)
	w.pay(a, r)
	return r.stored
}

func (w *world) pay(a *account, r *request) {
	r.state, r.ends = paid, w.now
	a.moved += r.amount
	a.times++
	w.step(a.n, "paid", a.times)
}

// run keeps the request in progress for a while.
func (w *world) run(a *account, r *request, o doku.Order) {
	takes := w.between(time.Second, 10*time.Minute)
	if w.rng.IntN(3) == 0 {
		takes = w.between(10*time.Minute, 5*time.Hour)
	}
	r.ends = w.now.Add(takes)
	fails := w.rng.IntN(4) == 0
	w.after(takes, func() {
		if fails {
			r.state, r.stored = refused, declined(o, 0)
			return
		}
		r.stored = granted(o)
		w.pay(a, r)
	})
}

// taken is what was given back, or is about to be.
func (a *account) taken() int64 {
	sum := a.moved
	for _, r := range a.requests {
		if r.state == running {
			sum += r.amount
		}
	}
	return sum
}

// turnAway refuses a request as not executed; DOKU may count its id as used.
func (w *world) turnAway(a *account, o doku.Order, f fault) page {
	p := refusedForNow(o, f)
	if f == tooMany && w.rng.IntN(2) == 0 {
		p.retryAfter = strconv.Itoa(1 + w.rng.IntN(120))
	}
	_, used := w.usedBefore(a, o)
	if w.behaviour.burns && !used && w.rng.IntN(2) == 0 {
		a.requests = append(a.requests, &request{
			id: idOf(o), external: o.ExternalID, at: w.now, ends: w.now, known: true, state: turnedAway, stored: p,
		})
	}
	return p
}

// usedBefore answers a request whose identifiers are known.
func (w *world) usedBefore(a *account, o doku.Order) (page, bool) {
	for _, r := range a.requests {
		switch {
		case !r.known || !w.behaviour.honours(r.at, w.now):
		case o.Channel == channel.CreditCard && r.id == o.RequestID:
			if r.state == running || w.behaviour.bare {
				return conflict(o, ""), true
			}
			again := r.stored
			again.status, again.signature, again.retryAfter = 409, unsigned, ""
			return again, true
		case o.Channel == channel.CreditCard:
		case r.external == o.ExternalID:
			return conflict(o, "00"), true
		case r.id == o.PartnerRefundNo && r.state != turnedAway && r.state != refused:
			return conflict(o, "01"), true
		}
	}
	return page{}, false
}

func idOf(o doku.Order) string {
	if o.Channel == channel.CreditCard {
		return o.RequestID
	}
	return o.PartnerRefundNo
}

// expired reports whether the customer's token has ended: it says when.
func expired(o doku.Order, now refund.Time) bool {
	text, ours := strings.CutPrefix(o.Customer.AccessToken.Reveal(), tokenPrefix)
	ends, err := strconv.ParseInt(text, 10, 64)
	return ours && err == nil && now.Time().Unix() > ends
}

// lookUp is a status inquiry arriving at DOKU.
func (w *world) lookUp(a *account, o doku.Order, f fault) page {
	w.checkOrder(a, o, true)
	if p, ended := w.endedBefore(o, f); ended {
		return p
	}
	if f == tooMany {
		return refusedForNow(o, f)
	}
	p := w.history(a, o, f)
	switch f {
	case truncated:
		p.cut = true
	case wrongSignature:
		p.signature = wronglySigned
	default:
	}
	return p
}

// history is what an inquiry shows: the truth, or where the behaviour allows it,
// what was true some time ago, or nothing.
func (w *world) history(a *account, o doku.Order, f fault) page {
	view := w.now
	if !w.behaviour.exact {
		switch chance := w.rng.IntN(20); {
		case chance < 4:
			view = view.Add(-w.between(0, 3*time.Hour))
		case chance < 7:
			view = 0
		}
	}
	var shown []shownRequest
	for _, r := range a.requests {
		if r.id == idOf(o) && r.at <= view && r.state != turnedAway {
			shown = append(shown, shownRequest{r.standing(view), r.amount})
		}
	}
	if f == contradiction {
		shown = append(shown, shownRequest{paid, o.Amount + 1})
	}
	if o.Channel == channel.CreditCard {
		return w.cardHistory(o, shown)
	}
	return w.snapHistory(o, shown)
}
