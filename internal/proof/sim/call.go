package sim

import (
	"strconv"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

// prepare gets leave from the breaker and a B2B token, before anything is
// recorded.
func (h *execution) prepare() bool {
	return h.ready(retry.Call{Subject: h.of.id, Write: true}, func(ready refund.Readiness, delay time.Duration) bool {
		event := h.machine.Event()
		event.Ready, event.Delay = ready, delay
		event.Nonce = refund.Nonce(h.w.rng.Uint64())
		h.machine = h.machine.Observe(event)
		return true
	})
}

// ready finds out whether a call may be made now, perhaps later, and passes the
// answer to then. then returns whether the execution continues at once; after
// it has begun an exchange it must not, or the exchange would be made twice.
// ready returns what then returned, and false where then has not been called
// yet.
func (h *execution) ready(call retry.Call, then func(refund.Readiness, time.Duration) bool) bool {
	h.returnPermit()
	permit, wait := h.l.breaker.Allow(call)
	switch {
	case permit == nil && wait > 0:
		h.after(wait, h.run)
		return false
	case permit == nil:
		return then(refund.NotReady, h.delays().Next(0))
	}
	h.permit = permit
	if h.of.channel == channel.CreditCard || h.p.clock() < h.p.token {
		return then(refund.Ready, 0)
	}
	h.p.fetch(h.of.channelNo, func(failed *doku.PrepareError) {
		if h.over {
			return
		}
		ready, delay := refund.Ready, time.Duration(0)
		if failed != nil {
			h.report(failed.Channel())
			ready, delay = refund.NotReady, h.delays().Next(failed.RetryAfter)
		}
		if then(ready, delay) {
			h.after(0, h.run)
		}
	})
	return false
}

// fetch gets a B2B token; those who ask meanwhile wait for the same.
func (p *process) fetch(channelNo int, then func(*doku.PrepareError)) {
	p.renewal = append(p.renewal, then)
	if len(p.renewal) > 1 {
		return
	}
	f, asked, life := p.w.draw(channelNo, tokenOdds), p.clock(), p.lives
	a := p.w.tokenPage(f).answer(false, "", "", p.w.now)
	switch f {
	case lostAnswer:
		a = doku.Answer{Ending: doku.EndNoAnswer}
	case unreachable:
		a = doku.Answer{Ending: doku.EndUnsent}
	default:
	}
	p.w.after(p.w.round(), func() {
		if p.lives == life {
			p.fetched(p.w.doku.Token(asked.Time(), a))
		}
	})
}

func (p *process) fetched(until time.Time, failed *doku.PrepareError) {
	p.token = refund.At(until)
	waiting := p.renewal
	p.renewal = nil
	for _, then := range waiting {
		then(failed)
	}
}

// order is the refund as DOKU shall see it.
func (h *execution) order() doku.Order {
	return doku.NewOrder(&h.entry.record, doku.Customer(h.job.Job.Customer))
}

// call is one exchange under way. Only its first end counts.
type call struct {
	h     *execution
	order doku.Order
	fault fault
	then  func(doku.Answer)
	done  bool
}

// send makes the refund call, unless the last look at the clock forbids it.
func (h *execution) send() bool {
	c := &call{h: h, order: h.order()}
	c.then = func(a doku.Answer) { h.answered(c.order, a) }
	sendBy := h.entry.record.SendBy
	card := h.of.channel == channel.CreditCard
	switch {
	case !h.p.sure():
		h.w.cover(heldBackByClock)
		c.end(doku.Answer{Ending: doku.EndTooLate})
		return true
	case h.p.clock() > sendBy && h.w.mutation != ignoredSendBy:
		h.w.cover(stoppedBySendBy)
		c.end(doku.Answer{Ending: doku.EndTooLate})
		return true
	case !card && h.p.token == 0:
		c.end(doku.Answer{Ending: doku.EndUnsent})
		return true
	}
	c.fault = h.w.draw(h.of.channelNo, refundOdds)
	transit := h.w.round()
	switch c.fault {
	case slow:
		transit = h.w.between(0, h.p.policy.Timeout*4/5)
	case late:
		transit = h.w.behaviour.late(h.w, h.p, sendBy)
	default:
	}
	if c.fault != unreachable && c.fault != lostRequest {
		h.of.flying++
	}
	c.travel(transit, func() doku.Answer {
		h.of.flying--
		return h.w.execute(h.of, c.order, c.fault).answer(card, c.order.RequestID, cardPath, h.w.now)
	})
	return false
}

// travel takes the request to DOKU, where arrive is called, and the answer back.
func (c *call) travel(transit time.Duration, arrive func() doku.Answer) {
	w, timeout := c.h.w, c.h.p.policy.Timeout
	switch {
	case c.fault == unreachable:
		c.h.after(transit, func() { c.finish(doku.Answer{Ending: doku.EndUnsent}) })
		return
	case c.fault == lostRequest:
		c.h.after(c.silence(), func() { c.finish(doku.Answer{Ending: doku.EndNoAnswer}) })
		return
	case c.fault == lostAnswer:
		c.h.after(transit+c.silence(), func() { c.finish(doku.Answer{Ending: doku.EndNoAnswer}) })
	case c.fault == late:
		c.h.after(c.silence(), func() { c.finish(doku.Answer{Ending: doku.EndNoAnswer}) })
	case transit+time.Second > timeout:
		c.h.after(timeout, func() { c.finish(doku.Answer{Ending: doku.EndNoAnswer}) })
	}
	w.after(transit, func() {
		a := arrive()
		if c.done {
			w.cover(executedLate)
		}
		if c.fault != lostAnswer {
			c.h.after(w.between(0, 200*time.Millisecond), func() { c.finish(a) })
		}
	})
}

// silence is how long it takes to notice that no answer comes: a connection that
// is reset, or the timeout.
func (c *call) silence() time.Duration {
	if c.h.w.rng.IntN(2) == 0 {
		return c.h.w.round()
	}
	return c.h.p.policy.Timeout
}

func (c *call) finish(a doku.Answer) {
	if !c.done {
		c.end(a)
		c.h.run()
	}
}

func (c *call) end(a doku.Answer) {
	c.done = true
	c.then(a)
}

// answered learns what became of the refund call.
func (h *execution) answered(o doku.Order, a doku.Answer) {
	verdict := h.w.doku.Refund(o, a)
	h.response = verdict.Response
	if verdict.Cause == doku.Credentials {
		h.p.token = 0
	}
	h.report(verdict.Channel())
	event := refund.Event{
		Kind: refund.SendEnded, Own: true, Answer: verdict.Answer(), Replay: verdict.Evidence == refund.ByReplay,
		Delay: verdict.Delay(h.delays(), h.entry.record.Response), NoCustomer: h.job.CustomerTokenMissing,
	}
	if h.w.mutation == believedNo && event.Answer == refund.DefiniteNo {
		event.Replay = true
	}
	h.learned(event)
	h.machine = h.machine.Observe(event)
}

// ask makes a status inquiry.
func (h *execution) ask() bool {
	asked := refund.Event{Kind: refund.InquiryEnded, Own: true, NoCustomer: h.job.CustomerTokenMissing, AskedAt: h.p.clock()}
	return h.ready(retry.Call{Subject: h.of.id}, func(ready refund.Readiness, delay time.Duration) bool {
		asked.Delay = delay
		switch {
		case ready != refund.Ready:
			h.machine = h.machine.Observe(asked)
			return true
		case !h.p.sure():
			h.requeue()
		default:
			h.inquire(asked)
		}
		return false
	})
}

func (h *execution) inquire(asked refund.Event) {
	asked.AskedAt = h.p.clock()
	if h.w.mutation == trustedInquiry {
		asked.AskedAt = max(asked.AskedAt, h.entry.record.AskFrom)
	}
	h.exchangeInquiry(func(i doku.InquiryOutcome) { h.found(asked, i) })
}

// exchangeInquiry takes an inquiry to DOKU, and what it proves to then.
func (h *execution) exchangeInquiry(then func(doku.InquiryOutcome)) {
	c := &call{h: h, order: h.order(), fault: h.w.draw(h.of.channelNo, inquiryOdds)}
	id := strconv.Itoa(h.p.stamps)
	c.then = func(a doku.Answer) { then(h.w.doku.Inquiry(c.order, id, a)) }
	transit := h.w.round()
	if c.fault == slow {
		transit = h.w.between(0, h.p.policy.Timeout*4/5)
	}
	c.travel(transit, func() doku.Answer {
		card := h.of.channel == channel.CreditCard
		return h.w.lookUp(h.of, c.order, c.fault).answer(card, id, askPath+c.order.RequestID, h.w.now)
	})
}

func (h *execution) found(asked refund.Event, i doku.InquiryOutcome) {
	h.response = i.Response
	if i.Cause == doku.Credentials {
		h.p.token = 0
	}
	h.report(i.Channel())
	asked.Finding = i.Finding
	asked.Delay = h.delays().Next(i.RetryAfter)
	h.machine = h.machine.Observe(asked)
	if h.w.mutation == believedInquiry {
		once := h.machine.Core()
		once.Sends = 1
		h.machine = refund.Start(once, asked)
	}
}
