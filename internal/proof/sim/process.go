package sim

import (
	"slices"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
)

// process is one worker: a clock of its own, settings of its own, and all that
// is forgotten when it dies.
type process struct {
	w      *world
	n      int
	skew   time.Duration
	jumped time.Duration // how far the clock is off besides, for a while
	known  refund.Time   // in true time: from then on the clock has been measured again
	policy refund.Policy
	retry  retry.Policy
	stamps int // of records
	lives  int

	channels []*channelState
	token    refund.Time                // until when the B2B token may be used for a new send; 0: none
	renewal  []func(*doku.PrepareError) // who waits for the token that is being fetched
	inFlight []*execution
	asleep   refund.Time // it stands still until then
	down     refund.Time // it is being started until then
}

// channelState is one channel of a process.
type channelState struct {
	breaker  *retry.Breaker
	unstored int // answers in flight that could not be stored yet
}

func (w *world) newProcess(n int) *process {
	p := &process{w: w, n: n, skew: w.between(-2*time.Second, 2*time.Second)}
	if w.rng.IntN(3) == 0 {
		p.skew = w.between(-9*time.Second, 9*time.Second)
	}
	p.policy = refund.Policy{
		Timeout:       time.Duration(30+w.rng.IntN(31)) * time.Second,
		Quiet:         time.Duration(30+w.rng.IntN(61)) * time.Second,
		RetryDeadline: 8 * time.Hour,
		Repeat:        w.behaviour.repeat,
	}
	p.retry = retry.Policy{Initial: 2 * time.Second, Max: 15 * time.Minute, Rand: w.rng.Float64}
	p.start()
	return p
}

// start forgets everything.
func (p *process) start() {
	p.lives++
	p.channels, p.token, p.renewal, p.inFlight = nil, 0, nil, nil
	for range channel.All() {
		p.channels = append(p.channels, &channelState{breaker: retry.NewBreaker(retry.BreakerConfig{
			Now: func() time.Time { return p.clock().Time() }, Policy: p.retry, OnChange: p.breakerChanged,
		})})
	}
}

func (p *process) breakerChanged(open bool, _ string) {
	if open {
		p.w.cover(breakerOpened)
		return
	}
	p.w.cover(breakerClosed)
}

// clock is the process's own.
func (p *process) clock() refund.Time { return p.w.now.Add(p.skew + p.jumped) }

// takes reports whether the process takes messages of a channel: it is up, the
// channel is not paused, the clock is known to be right, the breaker is not open,
// and no answer waits to be stored.
func (p *process) takes(channelNo int) bool {
	l := p.channels[channelNo]
	return !p.w.paused[channelNo] && p.w.now >= p.asleep && p.w.now >= p.down && p.sure() && l.unstored == 0 && l.breaker.State() != retry.Open
}

// crash kills the process. What it had in flight comes again.
func (p *process) crash() {
	p.w.cover(processDied)
	p.w.step(p.n, "crash")
	for _, h := range p.inFlight {
		h.over = true
		h.of.busy[p.n] = false
		p.w.redeliver(h.m, ackWait)
	}
	p.start()
	p.down = p.w.now.Add(p.w.between(time.Second, 30*time.Second))
	p.doubt(p.down)
}

// sleep makes the whole process stand still; its messages are not kept alive.
func (p *process) sleep(d time.Duration) {
	p.w.cover(processStoodStill)
	p.asleep = max(p.asleep, p.w.now.Add(d))
	if d > measuredWithin {
		p.doubt(p.asleep)
	}
	if d > ackWait {
		for _, h := range p.inFlight {
			p.w.redeliver(h.m, ackWait)
		}
	}
}

func (p *process) drop(h *execution) {
	if i := slices.Index(p.inFlight, h); i >= 0 {
		p.inFlight = slices.Delete(p.inFlight, i, i+1)
	}
}
