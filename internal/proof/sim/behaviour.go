package sim

import (
	"time"

	"refundworker.example/refundworker/internal/refund"
)

const (
	day  = 24 * time.Hour
	skew = 20 * time.Second // that the clocks of two processes may be apart, at most
)

// behaviour is a DOKU that the documents leave open, and the network before it.
// Each keeps to one of the alternative assumptions.
type behaviour struct {
	name   string
	memory memory
	exact  bool          // an inquiry tells the truth about every request that left longer ago than the quiet period
	repeat refund.Repeat // REPEAT_AFTER_UNKNOWN
	zone   time.Duration
	burns  bool // a refused identifier counts as used
	bare   bool // a card's 409 never carries the stored answer
	limits bool // what is left of the payment is looked at before identifiers are
	late   func(w *world, p *process, sendBy refund.Time) time.Duration
}

// memory is how long identifiers are honoured.
type memory uint8

const (
	never   memory = iota
	today          // until the end of the day of the request's arrival
	forEver        // as long as the refund is open
)

var behaviours = []behaviour{
	{name: "ids for ever, replays", memory: forEver, repeat: refund.RepeatSameDay, burns: true, late: lateAtWill},
	{name: "ids for ever, bare 409", memory: forEver, repeat: refund.RepeatSameDay, bare: true, limits: true, late: lateAtWill},
	{name: "ids for the day in Jakarta", memory: today, repeat: refund.RepeatSameDay, zone: 7 * time.Hour, limits: true, late: lateWithinTimeout},
	{name: "ids for the day in UTC, burns", memory: today, repeat: refund.RepeatSameDay, burns: true, late: lateWithinTimeout},
	{name: "no ids, exact inquiry", memory: never, exact: true, repeat: refund.RepeatSameDay, late: lateWithinQuiet},
	{name: "no ids, exact inquiry, trusted beyond the day", memory: never, exact: true, repeat: refund.RepeatTrustInquiry, late: lateWithinQuiet},
	{name: "no ids, no repeats", memory: never, late: lateAtWill},
}

// lateAtWill: a request may arrive hours after it was sent.
func lateAtWill(w *world, _ *process, _ refund.Time) time.Duration {
	return w.between(time.Second, 3*time.Hour)
}

// lateWithinTimeout: no request arrives later than DOKU_TIMEOUT after its
// send_by, by the sender's clock.
func lateWithinTimeout(w *world, p *process, sendBy refund.Time) time.Duration {
	return w.between(time.Second, time.Duration(sendBy-p.clock())+p.policy.Timeout)
}

// lateWithinQuiet: no worker stalls longer than DOKU_TIMEOUT less 20 s before
// the socket, and DOKU knows of a request after the quiet period.
func lateWithinQuiet(w *world, p *process, _ refund.Time) time.Duration {
	return w.between(0, p.policy.Timeout-skew) + w.between(0, p.policy.Quiet)
}

// honours reports whether a request that arrived at then is still known.
func (n behaviour) honours(then, now refund.Time) bool {
	switch n.memory {
	case forEver:
		return true
	case today:
		return n.dayOf(then) == n.dayOf(now)
	default:
		return false
	}
}

func (n behaviour) dayOf(t refund.Time) refund.Time { return t.Add(n.zone) / refund.Time(day) }
