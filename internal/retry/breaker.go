package retry

import (
	"context"
	"math"
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
	// is no change, for nothing has been proven. It may ask the breaker, but must
	// not report to it.
	OnChange func(open bool, reason string)

	// Policy gives the open time: the n-th opening in a row lasts its n-th
	// delay, or the Retry-After of the call that opened, Policy.Max at most.
	Policy Policy

	// Threshold is how many bad outcomes in a row open; 0: 5.
	Threshold int
}

// Breaker stops the calls of one channel that cannot succeed. It opens after
// Threshold throttled, unreachable or unauthorized calls in a row, or at once on
// a second unauthorized one in a row; turns half-open by the clock; and closes
// on the success of the one probe. It is safe for concurrent use.
type Breaker struct {
	cfg BreakerConfig

	// order is held around a change and the call of OnChange, so that an opening
	// and a closing are never told the wrong way round. It comes before mu.
	order sync.Mutex

	mu       sync.Mutex
	open     bool // open or half-open
	until    time.Time
	reason   string
	bad      int // bad outcomes in a row
	denied   int // unauthorized ones in a row
	openings int // openings in a row
	epoch    uint64
	probe    *Permit
}

// NewBreaker returns a closed breaker.
func NewBreaker(cfg BreakerConfig) *Breaker {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func(bool, string) {}
	}
	if cfg.Threshold == 0 {
		cfg.Threshold = 5
	}
	return &Breaker{cfg: cfg}
}

// Permit is the leave to make one call. Its holder reports what the call said,
// or cancels it; the first of these counts, so that a deferred Cancel is safe.
type Permit struct {
	b     *Breaker
	epoch uint64
	done  bool // guarded by b.mu
}

// Allow returns a permit for one call, or false while the breaker is open, or
// half-open with its probe on the way.
func (b *Breaker) Allow() (*Permit, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.state()
	if state == Open || state == HalfOpen && b.probe != nil {
		return nil, false
	}
	p := &Permit{b: b, epoch: b.epoch}
	if state == HalfOpen {
		b.probe = p
	}
	return p, true
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
	changed = b.judge(o)
	return changed, b.open, b.reason
}

// judge counts o and reports whether the breaker opened or closed.
func (b *Breaker) judge(o Outcome) bool {
	switch {
	case o.kind == fine:
		return b.close()
	case !o.bad():
		return false
	}
	b.bad++
	b.denied++
	if o.kind != unauthorized {
		b.denied = 0
	}
	if !b.open && b.bad < b.cfg.Threshold && b.denied < 2 {
		return false
	}
	b.trip(o)
	return true
}

// close forgets what was counted and reports whether the breaker was open.
func (b *Breaker) close() bool {
	was := b.open
	b.bad, b.denied, b.openings = 0, 0, 0
	b.open, b.until, b.reason = false, time.Time{}, ""
	if was {
		b.epoch++
	}
	return was
}

func (b *Breaker) trip(o Outcome) {
	b.openings++
	b.epoch++
	b.open, b.reason = true, reasons[o.kind]
	b.until = b.cfg.Now().Add(b.pause(o))
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

// OpenUntil returns when the breaker turns, or turned, half-open; the zero time
// when it is closed.
func (b *Breaker) OpenUntil() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until
}

// Reason returns "throttled", "unreachable" or "unauthorized", whichever opened
// the breaker, or "" when it is closed.
func (b *Breaker) Reason() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reason
}

// Wait blocks while the breaker is open and returns how many messages may be in
// hand: one when half-open, for the first that needs a call is the probe, and
// any number (math.MaxInt) when closed. The only error is that of ctx.
func (b *Breaker) Wait(ctx context.Context) (limit int, err error) {
	for {
		limit, left := b.limit()
		if limit > 0 {
			return limit, nil
		}
		if err := sleep(ctx, left); err != nil {
			return 0, err
		}
	}
}

// limit returns how many messages may be in hand; if none, how long for.
func (b *Breaker) limit() (n int, left time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.state() {
	case Closed:
		return math.MaxInt, 0
	case HalfOpen:
		return 1, 0
	default:
		return 0, b.until.Sub(b.cfg.Now())
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
