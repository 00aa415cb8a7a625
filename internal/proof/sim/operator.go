package sim

import (
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/refund"
)

// visits is how many actions of the operator's there are to a hundred refunds.
const visits = 3

// action is one thing that an operator does. The odds are of a hundred.
type action struct {
	odds int
	fits func(*account) bool // what it is meant for; nil: no refund
	do   func(*world, *account)
}

var actions = []action{
	{8, unsent, (*world).cancel},
	{10, unsent, justBefore((*world).cancel)},
	{3, unseen, (*world).cancel},
	{8, in(refund.Waiting), (*world).forward},
	{8, in(refund.Waiting), justBefore((*world).forward)},
	{6, in(refund.Unknown), (*world).look},
	{12, paidUnseen, (*world).look},
	{6, in(refund.Unresolved), (*world).look},
	{20, in(refund.Unresolved), (*world).resolve},
	{6, hasDeadLetter, (*world).replay},
	{4, known, (*world).replay},
	{3, nil, func(w *world, _ *account) { w.wakeUp() }},
	{6, nil, func(w *world, _ *account) { w.pause() }},
}

func in(s refund.State) func(*account) bool {
	return func(a *account) bool { return a.last.record.State == s }
}

func unseen(a *account) bool        { return a.last.seq == 0 }
func hasDeadLetter(a *account) bool { return a.deadLetter != nil }
func known(a *account) bool         { return a.last.record.Fingerprint != "" }

func unsent(a *account) bool {
	return a.last.record.State == refund.Waiting && a.last.record.Sends == 0
}

// paidUnseen: the customer has seen the money, and we have not.
func paidUnseen(a *account) bool {
	return a.times > 0 && (a.last.record.State == refund.Unknown || a.last.record.State == refund.Unresolved)
}

// justBefore does it so shortly before the refund falls due that a worker may be
// at it before the operator is done.
func justBefore(do func(*world, *account)) func(*world, *account) {
	return func(w *world, a *account) {
		wait := time.Duration(a.last.record.Due-w.now) - w.between(0, 5*time.Second)
		w.after(max(wait, 0), func() { do(w, a) })
	}
}

// hire plans when the operator acts, from now until the last deadline.
func (w *world) hire(until refund.Time) {
	w.operator = w.newProcess(processes)
	for range w.accounts {
		if w.rng.IntN(100) < visits {
			w.after(w.between(0, time.Duration(until-w.now)), w.act)
		}
	}
}

// act does something to a refund that it is meant for, or to any: four of five
// times the operator has looked first.
func (w *world) act() {
	left := w.rng.IntN(100)
	for _, next := range actions {
		if left -= next.odds; left < 0 {
			a := w.accounts[w.rng.IntN(len(w.accounts))]
			if next.fits != nil && w.rng.IntN(5) > 0 {
				a = w.fitting(a, next.fits)
			}
			w.step(a.n, "operator", left)
			next.do(w, a)
			return
		}
	}
}

// fitting returns the first account from a on that fits, or a.
func (w *world) fitting(a *account, fits func(*account) bool) *account {
	for i := range w.accounts {
		if other := w.accounts[(a.n+i)%len(w.accounts)]; fits(other) {
			return other
		}
	}
	return a
}

// hesitate is how long a person takes from looking to doing.
func (w *world) hesitate() time.Duration {
	if w.rng.IntN(4) == 0 {
		return w.between(0, 10*time.Minute)
	}
	return w.between(0, 5*time.Second)
}

func (w *world) cancel(a *account) {
	d := w.begin(a)
	w.after(w.hesitate(), func() {
		d.decide(refund.Event{Kind: refund.Cancelled, Nonce: refund.Nonce(w.rng.Uint64())})
	})
}

// forward brings a waiting refund forward. One whose messages are all lost
// cannot be sent without the customer's values.
func (w *world) forward(a *account) {
	d := w.begin(a)
	d.lost = a.wait == nil && a.queued == 0
	if d.entry.seq == 0 || d.lost && a.last.record.State == refund.Waiting && needsCustomer(a.channel) {
		w.cover(operatorRefused)
		return
	}
	w.after(w.hesitate(), func() { d.decide(refund.Event{Kind: refund.BroughtForward}) })
}

func needsCustomer(ch channel.Channel) bool {
	f := ch.Facts()
	return f.CustomerToken == channel.Required || f.IPAddress == channel.Required || f.DeviceID == channel.Required
}

// resolve says what the book says. Money that may still move is no "failed":
// the operator asks DOKU's people again another day.
func (w *world) resolve(a *account) {
	d := w.begin(a)
	word := refund.Failed
	switch {
	case a.times > 0:
		word = refund.Succeeded
	case a.flying > 0 || a.taken() > 0:
		return
	}
	if w.mutation == falseVerdict {
		word = refund.Succeeded + refund.Failed - word
	}
	if d.entry.seq == 0 {
		w.cover(operatorRefused)
		return
	}
	w.after(w.hesitate(), func() { d.decide(refund.Event{Kind: refund.OperatorVerdict, Verdict: word}) })
}

// replay publishes a dead letter, or else the job, once more. What is not a job is
// not published, nor other content under an identifier that is taken.
func (w *world) replay(a *account) {
	body := a.first
	if a.deadLetter != nil {
		body = a.deadLetter
	}
	decoded := jobs.Decode(a.channel, body)
	recorded := &a.last.record
	if decoded.Outcome != jobs.Valid || !decoded.Repeats(recorded.Fingerprint, recorded.Rules) {
		w.cover(operatorRefused)
		return
	}
	w.cover(jobReplayed)
	w.publish(a, body, w.between(0, time.Second))
}

// pause keeps every process from taking messages of a channel, until the
// operator resumes it.
func (w *world) pause() {
	channelNo := w.rng.IntN(len(w.paused))
	if w.calm || w.paused[channelNo] {
		return
	}
	w.cover(channelPaused)
	w.paused[channelNo] = true
	w.after(w.between(time.Minute, time.Hour), func() { w.paused[channelNo] = false })
}
