package model

import (
	"time"

	"refundworker.example/refundworker/internal/refund"
)

// instant turns units into an instant; 0 stays none.
func (m *model) instant(n int8) refund.Time {
	if n == 0 {
		return 0
	}
	return m.begin.Add(time.Duration(n) * unit)
}

// units is the inverse of instant.
func (m *model) units(t refund.Time) int8 {
	if t == 0 {
		return 0
	}
	return int8(time.Duration(t-m.begin) / unit) //nolint:gosec // the model's time ends within a few minutes
}

// full is the record that c stands for.
func (m *model) full(c core) refund.Core {
	if c == (core{}) {
		return refund.Core{}
	}
	r := refund.Core{
		State: c.state, Sends: int32(c.sends), FirstUnknown: int32(c.firstUnknown), Nonce: 1,
		Deadline: m.instant(m.Deadline), Due: m.instant(c.due), SendBy: m.instant(c.sendBy),
		AskFrom: m.instant(c.askFrom), FirstUnknownAt: m.instant(c.firstAt), Quiet: m.rules.Quiet,
	}
	if c.collided {
		r.Code = refund.CodeIdentifierCollision
	}
	return r
}

// pack keeps what matters of a record; what no row of its state looks at is
// forgotten.
func (m *model) pack(r refund.Core) core {
	c := core{
		state: r.State, collided: r.State == refund.Unresolved && r.Code == refund.CodeIdentifierCollision,
		sends: int8(r.Sends), firstUnknown: int8(r.FirstUnknown), //nolint:gosec // a handful of sends
		due: m.units(r.Due), sendBy: m.units(r.SendBy), askFrom: m.units(r.AskFrom), firstAt: m.units(r.FirstUnknownAt),
	}
	switch {
	case c.state.Final():
		c = core{state: c.state}
	case c.state == refund.Waiting:
		c.sendBy, c.askFrom = 0, 0
	case c.state == refund.Unknown:
		c.sendBy = 0
	case c.state == refund.Unresolved:
		c.sendBy, c.firstUnknown, c.firstAt = 0, 0, 0
	}
	return c
}

func (m *model) whole(e event) refund.Event {
	r := refund.Event{
		Kind: e.kind, Ready: e.ready, Own: e.own, Replay: e.replay, Answer: e.answer, Finding: e.finding,
		AskedAt: m.instant(e.asked), Verdict: e.verdict, Delay: time.Duration(m.Step) * unit, Nonce: 1,
	}
	if e.kind == refund.Delivered {
		r.Same, r.Deadline = true, m.instant(m.Deadline)
	}
	return r
}

func (m *model) short(e refund.Event) event {
	return event{
		kind: e.Kind, ready: e.Ready, own: e.Own, replay: e.Replay, answer: e.Answer, finding: e.Finding,
		asked: m.units(e.AskedAt), verdict: e.Verdict,
	}
}
