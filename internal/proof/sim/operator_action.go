package sim

import (
	"errors"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// operatorAction is one action of the operator's on one refund, from the record
// that was looked at on. Meanwhile the workers continue.
type operatorAction struct {
	w        *world
	of       *account
	entry    entry
	machine  refund.Machine
	response refund.Response
	lost     bool // no message of the refund was left
}

func (w *world) begin(a *account) *operatorAction { return &operatorAction{w: w, of: a, entry: a.last} }

// decide lets the table decide on e and appends what it says; a record that has
// moved meanwhile is decided from anew.
func (d *operatorAction) decide(e refund.Event) {
	for {
		now := d.w.operator.clock()
		d.machine = refund.Start(d.entry.record.Core, e).Decide(now, d.w.operator.policy)
		effect, _ := d.machine.Effect()
		d.w.step(d.of.n, d.machine.Row(), d.w.operator.n, int(effect))
		if effect != refund.Append {
			d.refused(effect)
			return
		}
		if d.w.mutation == blindAction {
			d.entry.seq = d.of.last.seq
		}
		err := d.w.store(d.of, d.next(now))
		if errors.Is(err, errMoved) {
			d.w.cover(operatorOvertaken)
			d.entry = d.of.last
			continue
		}
		if err == nil { // else the operator is told so, and leaves it
			d.stored()
		}
		return
	}
}

func (d *operatorAction) refused(effect refund.Effect) {
	switch {
	case effect != refund.Refuse:
		d.w.problem("%s: row %q asks an operator for %s", d.of.id, d.machine.Row(), effect)
	case d.machine.Event().Kind == refund.OperatorInquired:
		d.w.cover(inquiryShown)
	default:
		d.w.cover(operatorRefused)
	}
}

// next builds the record to append.
func (d *operatorAction) next(now refund.Time) refund.Record {
	r := d.entry.record
	if d.entry.seq == 0 { // without a fingerprint: any job of this id is meant
		r = refund.Record{
			V: refund.RecordVersion, ClientID: clientID, Environment: "simulator",
			Job: refund.Job{RefundID: d.of.id, Channel: d.of.channel, Currency: jobs.Currency},
		}
	}
	return d.machine.Record(r, refund.Details{
		At: now, By: d.w.operator.stamp(), Prev: d.entry.seq, Response: d.response, Operator: "ani", Because: "DOKU's people say so",
	})
}

// actionCoverage are the paths of what an operator recorded, by the row.
var actionCoverage = map[string]coverage{
	"cancelled":                     operatorCancelled,
	"brought forward":               broughtForward,
	"operator's inquiry: yes":       inquirySettled,
	"operator's inquiry: no":        inquirySettled,
	"operator's verdict: succeeded": verdictSucceeded,
	"operator's verdict: failed":    verdictFailed,
}

func (d *operatorAction) stored() {
	d.w.cover(actionCoverage[d.machine.Row()])
	d.machine = d.machine.Advance()
	if effect, more := d.machine.Effect(); more && effect == refund.Schedule && !d.w.chance(50) {
		d.w.after(d.w.round(), d.reschedule)
	}
}

// reschedule moves the wait of a refund that was brought forward. One that has
// fired meanwhile finds the new due time; of one that was lost a wake-up is made.
func (d *operatorAction) reschedule() {
	stored := d.of.wait
	switch {
	case !d.w.stores:
	case stored != nil:
		d.w.schedule(&wait{of: d.of, at: d.machine.At(), data: stored.data, wakeUp: stored.wakeUp})
	case d.lost:
		d.w.send(&wait{of: d.of, data: wakeUpOf(d.of.last.record), wakeUp: true})
	}
}

// exchangeInquiry asks DOKU now. A proof settles the refund; anything else is
// only shown.
func (w *world) look(a *account) {
	d, p := w.begin(a), w.operator
	if d.entry.record.Sends == 0 {
		w.cover(operatorRefused)
		return
	}
	if a.channel == channel.CreditCard || p.clock() < p.token {
		d.ask()
		return
	}
	p.fetch(a.channelNo, func(failed *doku.PrepareError) {
		if failed != nil {
			w.cover(inquiryShown)
			return
		}
		d.ask()
	})
}

// ask takes the worker's own path to DOKU and its judge.
func (d *operatorAction) ask() {
	h := &execution{w: d.w, p: d.w.operator, of: d.of, entry: d.entry}
	asked := refund.Event{Kind: refund.OperatorInquired, AskedAt: h.p.clock()}
	h.exchangeInquiry(func(i doku.InquiryOutcome) {
		h.over = true
		if i.Cause == doku.Credentials {
			h.p.token = 0
		}
		d.response = i.Response
		asked.Finding = i.Finding
		d.decide(asked)
	})
}
