package retry

import (
	"context"
	"math"
	"time"
)

// What a half-open breaker goes by.
const (
	// looked is how many messages may be in flight while a probe is looked for: the
	// first of them may not be the cheapest.
	looked = 16

	// lookTime is how long a call of the kind that is not preferred waits for one
	// that is; half of the time that the breaker was open, where that is less.
	lookTime = time.Second

	// readsInARow is how many bad reads in a row make it a write's turn.
	readsInARow = 3

	// otherTime is how long the subject of the last probe stands back for
	// another; the time that the breaker was open, where that is less. After that
	// it may go again: it may be the only one there is.
	otherTime = 30 * time.Second
)

// probing is what a breaker knows while it looks for, or waits for, a probe.
type probing struct {
	probe     *Permit
	last      string // subject of the call that opened, or of the read that worked since
	readsWork bool   // a read has succeeded since the breaker turned half-open
	lookFrom  time.Time
}

// readWorked notes a good read. While the breaker is closed it needs none.
func (b *Breaker) readWorked(c Call) {
	if b.open {
		b.last, b.readsWork, b.lookFrom = c.Subject, true, b.cfg.Now()
		b.wake()
	}
}

// wake makes those who wait at a gate look again.
func (b *Breaker) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// Allow returns a permit for one call. Without one, wait says how long to wait
// before asking again; zero: the call is refused, because the breaker is open,
// its probe is under way, or it is another subject's turn.
func (b *Breaker) Allow(c Call) (p *Permit, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.state()
	if state == Open {
		return nil, 0
	}
	p = &Permit{b: b, call: c, epoch: b.epoch}
	if state == Closed {
		return p, 0
	}
	switch {
	case b.probe != nil || b.otherSubjectFirst(c):
		return nil, 0
	case b.writesFirst() == c.Write || b.lookLeft() <= 0:
	case c.Write:
		return nil, b.lookLeft()
	default:
		return nil, 0 // in flight, a read would keep the write away that is looked for
	}
	b.probe = p
	return p, 0
}

// otherSubjectFirst reports whether c would be the second probe in a row about its
// subject, while another subject may still come.
func (b *Breaker) otherSubjectFirst(c Call) bool {
	stands := min(otherTime, b.until.Sub(b.since))
	return c.Subject != "" && c.Subject == b.last && b.cfg.Now().Sub(b.until) < stands
}

// lookLeft is how much longer a probe of the preferred kind is looked for.
func (b *Breaker) lookLeft() time.Duration {
	return min(lookTime, b.until.Sub(b.since)/2) - b.cfg.Now().Sub(b.lookFrom)
}

// writesFirst reports whether the next probe should be a write: reads work, and
// only a write can close the breaker; or no read has worked for a while, and a
// status service that is down must not hold back writes that may work.
func (b *Breaker) writesFirst() bool { return b.readsWork || b.badReads >= readsInARow }

// Wait blocks while the breaker is open and returns how many messages may be in
// hand: any number (math.MaxInt) when it is closed; when it is half-open a few,
// to find the cheapest probe among them, and one while the probe is under way or
// a write goes first. The only error is that of ctx.
func (b *Breaker) Wait(ctx context.Context) (limit int, err error) { return b.wait(ctx, b.limit) }

// WaitNew is [Breaker.Wait] for messages that are known to want a write. They
// stay where they are while a read is looked for, and then come one at a time,
// when nothing else is in flight.
func (b *Breaker) WaitNew(ctx context.Context) (limit int, err error) {
	return b.wait(ctx, b.limitNew)
}

func (b *Breaker) wait(ctx context.Context, limit func() (int, time.Duration)) (int, error) {
	for {
		b.mu.Lock()
		n, left := limit()
		changed := b.changed
		b.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		if err := SleepUntil(ctx, left, changed); err != nil {
			return 0, err
		}
	}
}

// limit returns how many messages may be in flight; if none, how long for.
func (b *Breaker) limit() (n int, left time.Duration) {
	switch n, left, looks := b.bounds(); {
	case looks && !b.writesFirst():
		return looked, 0
	case looks && b.lookLeft() > 0:
		return 0, b.lookLeft()
	default:
		return n, left
	}
}

func (b *Breaker) limitNew() (n int, left time.Duration) {
	if n, left, looks := b.bounds(); !looks || b.writesFirst() || b.lookLeft() <= 0 {
		return n, left
	}
	return 0, b.lookLeft()
}

// bounds is the limit for all messages, unless a probe is looked for.
func (b *Breaker) bounds() (n int, left time.Duration, looks bool) {
	switch b.state() {
	case Closed:
		return math.MaxInt, 0, false
	case Open:
		return 0, b.until.Sub(b.cfg.Now()), false
	default:
		return 1, 0, b.probe == nil
	}
}
