package retry

import (
	"sync"
	"time"
)

// State of a [Breaker].
type State uint8

// The three states.
const (
	Closed   State = iota // calls go through
	Open                  // none does
	HalfOpen              // one does: the probe
)

// String returns the state in lower case.
func (s State) String() string {
	return [...]string{Closed: "closed", Open: "open", HalfOpen: "half-open"}[s]
}

// BreakerConfig configures a [Breaker].
type BreakerConfig struct {
	// Now is the clock; nil: time.Now.
	Now func() time.Time

	// OnChange is told of every opening, with its reason, and of every closing,
	// in their order. A probe that fails is an opening again; turning half-open
	// is not a change, for nothing has been proven. It may ask the breaker, but
	// must not report to it.
	OnChange func(open bool, reason string)

	// Policy gives the open time: the n-th opening in a row lasts its n-th
	// delay, or the Retry-After of the call that opened, Policy.Max at most.
	Policy Policy

	// Subjects is how many different subjects failing calls must be about to
	// open; 0: 3, or Threshold where that is less. With fewer, one subject that
	// always fails would stop all others.
	Subjects int

	// Threshold is how many bad outcomes in a row open; 0: 5.
	Threshold int
}

func (c BreakerConfig) withDefaults() BreakerConfig {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnChange == nil {
		c.OnChange = func(bool, string) {}
	}
	if c.Threshold == 0 {
		c.Threshold = 5
	}
	if c.Subjects == 0 {
		c.Subjects = min(3, c.Threshold)
	}
	return c
}

// Breaker stops the calls of one channel that cannot succeed. It opens after
// Threshold bad outcomes in a row that come from at least Subjects different
// witnesses: a failing call is a witness for its subject alone, a throttled,
// unreachable or unauthorized one by itself. A second unauthorized one in a row
// opens at once. It turns half-open by the clock, lets one probe through at a
// time, and closes when a write succeeds. It is safe for concurrent use.
//
// Reads and writes are two rows that count together. A good write ends both, a
// good read ends the reads' alone: where reads work, writes may still fail.
type Breaker struct {
	cfg BreakerConfig

	// order is held around a change and the call of OnChange, so that an opening
	// and a closing are never told the wrong way round. It comes before mu.
	order sync.Mutex

	mu            sync.Mutex
	open          bool // open or half-open
	since, until  time.Time
	reason        string
	reads, writes streak // bad outcomes in a row
	badReads      int    // since a write last said something, or a read was good
	denied        int    // unauthorized ones in a row
	openings      int    // openings in a row
	epoch         uint64
	probing
	changed chan struct{} // closed and replaced when a gate may let more in
}

// NewBreaker returns a closed breaker.
func NewBreaker(cfg BreakerConfig) *Breaker {
	return &Breaker{cfg: cfg.withDefaults(), changed: make(chan struct{})}
}

// Call is what a permit is asked for.
type Call struct {
	Subject string // what the call is about; any text that tells subjects apart
	Write   bool   // it changes something; a read costs less as a probe
}

// Permit is the leave to make one call. Its holder reports what the call said,
// or cancels it; the first of these counts, so that a deferred Cancel is safe.
type Permit struct {
	b     *Breaker
	call  Call
	epoch uint64
	done  bool // guarded by b.mu
}

// Report says what the call said about the channel. An outcome of a call that
// began before the breaker last opened or closed is ignored: it speaks of a time
// that has been judged.
func (p *Permit) Report(o Outcome) {
	p.b.order.Lock()
	defer p.b.order.Unlock()
	if changed, open, reason := p.settle(o); changed {
		p.b.cfg.OnChange(open, reason)
	}
}

// Cancel gives the permit back unused. A probe may then be made by another.
func (p *Permit) Cancel() { p.Report(Neutral()) }

// Void reports whether the breaker has opened since the permit was given: a call
// that has not begun should not begin.
func (p *Permit) Void() bool {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	return p.b.open && p.epoch != p.b.epoch
}

func (p *Permit) settle(o Outcome) (changed, open bool, reason string) {
	b := p.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.done {
		return false, false, ""
	}
	p.done = true
	if b.probe == p {
		b.probe = nil
	}
	if p.epoch != b.epoch {
		return false, false, ""
	}
	changed = b.evaluate(o, p.call)
	return changed, b.open, b.reason
}

// evaluate counts o and reports whether the breaker opened or closed.
func (b *Breaker) evaluate(o Outcome, c Call) bool {
	switch {
	case o.kind == fine && c.Write:
		return b.close()
	case o.kind == fine:
		b.reads, b.badReads, b.denied = streak{}, 0, 0
		b.readWorked(c)
		return false
	case !o.bad():
		return false
	}
	b.count(o, c)
	if !b.open && b.denied < 2 && !b.full() {
		return false
	}
	b.trip(o, c)
	return true
}

func (b *Breaker) count(o Outcome, c Call) {
	r := &b.reads
	b.badReads++
	if c.Write {
		r, b.badReads = &b.writes, 0
	}
	r.add(o, c.Subject, b.cfg.Subjects)
	b.denied++
	if o.kind != unauthorized {
		b.denied = 0
	}
}

func (b *Breaker) full() bool {
	return b.reads.n+b.writes.n >= b.cfg.Threshold && different(b.reads, b.writes) >= b.cfg.Subjects
}

// close forgets what was counted and reports whether the breaker was open.
func (b *Breaker) close() bool {
	was := b.open
	b.reads, b.writes = streak{}, streak{}
	b.badReads, b.denied, b.openings = 0, 0, 0
	b.open, b.since, b.until, b.reason = false, time.Time{}, time.Time{}, ""
	b.probing = probing{}
	if was {
		b.epoch++
		b.wake()
	}
	return was
}

func (b *Breaker) trip(o Outcome, c Call) {
	b.openings++
	b.epoch++
	b.open, b.reason = true, reasons[o.kind]
	b.since = b.cfg.Now()
	b.until = b.since.Add(b.pause(o))
	b.probing = probing{last: c.Subject, lookFrom: b.until}
}

func (b *Breaker) pause(o Outcome) time.Duration {
	p := b.cfg.Policy
	if o.retryAfter > 0 {
		return min(p.After(o.retryAfter), p.Max)
	}
	return min(p.Jittered(b.openings), p.Max)
}

// State returns the state by the clock.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state()
}

func (b *Breaker) state() State {
	switch {
	case !b.open:
		return Closed
	case b.cfg.Now().Before(b.until):
		return Open
	default:
		return HalfOpen
	}
}

// Status is what a breaker is at one moment.
type Status struct {
	State  State
	Reason string    // what opened it: throttled, unreachable, unauthorized or failing; "" when closed
	Until  time.Time // when it turns, or turned, half-open; zero when closed
}

// Status returns all that a report shows, of one moment.
func (b *Breaker) Status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Status{State: b.state(), Reason: b.reason, Until: b.until}
}

// OpenUntil returns when the breaker turns, or turned, half-open; the zero time
// when it is closed.
func (b *Breaker) OpenUntil() time.Time { return b.Status().Until }

// Reason returns "throttled", "unreachable", "unauthorized" or "failing",
// whichever opened the breaker last, or "" when it is closed.
func (b *Breaker) Reason() string { return b.Status().Reason }
