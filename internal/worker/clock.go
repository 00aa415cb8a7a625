package worker

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// clockOff is how far this machine's clock may be from the server's, half of
	// the round trip in which that was found out included. The quiet period
	// covers two such clocks.
	clockOff = 10 * time.Second
	// measuredWithin is how long a measurement is believed.
	measuredWithin = time.Minute
	// jumpAfter is how far the wall clock may move beside the monotonic one
	// before it has jumped: it was set, or the machine has slept.
	jumpAfter = time.Second
)

// clock says whether this process can be sure of its wall clock. A process whose
// clock is ahead inquires about a send too early, and may send once more. One
// whose clock is behind records a send as if it were an old one, which other
// workers take for finished while it is under way.
//
// Sure means: measured against the server's clock within the last minute, off
// by ten seconds at most, and not jumped since. A machine on which both clocks
// stand still looks like one that is not scheduled: nothing here can notice
// that before the next measurement.
type clock struct {
	wall    func() time.Time
	elapsed func() time.Duration // by the monotonic clock
	doubted chan struct{}        // of capacity one: measure now

	mu       sync.Mutex
	at       reading // of the last measurement
	ahead    time.Duration
	round    time.Duration // how long that measurement took
	unknown  error         // why there is no measurement; nil: there is one
	measured chan struct{} // closed by the next measurement
}

// reading is both clocks at one moment.
type reading struct {
	wall    time.Time
	elapsed time.Duration
}

func newClock(wall func() time.Time, elapsed func() time.Duration) *clock {
	return &clock{
		wall: wall, elapsed: elapsed, doubted: make(chan struct{}, 1), measured: make(chan struct{}),
		unknown: fmt.Errorf("%w: not measured against NATS yet", ErrClockUnknown),
	}
}

// monotonic counts from now on by the clock that is never set.
func monotonic() func() time.Duration {
	begin := time.Now()
	return func() time.Duration { return time.Since(begin) }
}

// read reads both clocks, again where the process stood still between the two:
// that would look like a jump.
func (c *clock) read() reading {
	for {
		before := c.elapsed()
		wall := c.wall().Round(0)
		if after := c.elapsed(); after-before < jumpAfter/10 {
			return reading{wall, after}
		}
	}
}

// jump is how far the wall clock has been set since then.
func (r reading) jump(then reading) time.Duration {
	return r.wall.Sub(then.wall) - (r.elapsed - then.elapsed)
}

// measure asks the server for its time. ask returns how far that is ahead of the
// wall clock, at the middle of the round trip. What fails changes nothing: the
// last measurement holds until it is too old.
func (c *clock) measure(ctx context.Context, ask func(context.Context) (ahead, round time.Duration, err error)) error {
	before := c.read()
	ahead, round, err := ask(ctx)
	after := c.read()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if by := after.jump(before); by.Abs() > jumpAfter {
		c.jumped(by)
		return c.unknown
	}
	c.at, c.ahead, c.round, c.unknown = after, ahead, round, nil
	close(c.measured)
	c.measured = make(chan struct{})
	return nil
}

// check is state for code that is about to rely on the clock: one in doubt is
// measured anew at once.
func (c *clock) check() error {
	err := c.state()
	if err != nil {
		c.doubt()
	}
	return err
}

// state returns nil if this process is sure of its clock, else [ErrClock] or
// [ErrClockUnknown] with the reason.
func (c *clock) state() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stateLocked()
}

func (c *clock) stateLocked() error {
	now := c.read()
	by := now.jump(c.at)
	switch age := now.elapsed - c.at.elapsed; {
	case c.unknown != nil:
	case by.Abs() > jumpAfter:
		c.jumped(by)
	case age > measuredWithin:
		return fmt.Errorf("%w: last measured against NATS %s ago", ErrClockUnknown, age.Round(time.Second))
	case (c.ahead-by).Abs()+c.round/2 > clockOff:
		return fmt.Errorf("%w: the NATS server's is %s", ErrClock, apart(c.ahead-by))
	}
	return c.unknown
}

func apart(ahead time.Duration) string {
	if ahead < 0 {
		return (-ahead).Round(time.Second).String() + " behind"
	}
	return ahead.Round(time.Second).String() + " ahead"
}

func (c *clock) jumped(by time.Duration) {
	c.unknown = fmt.Errorf("%w: it jumped by %s", ErrClockUnknown, by.Round(time.Second))
}

func (c *clock) doubt() {
	select {
	case c.doubted <- struct{}{}:
	default:
	}
}

// wait blocks until this process is sure of its clock.
func (c *clock) wait(ctx context.Context) error {
	if c.check() == nil {
		return ctx.Err()
	}
	for {
		c.mu.Lock()
		err, measured := c.stateLocked(), c.measured
		c.mu.Unlock()
		if err == nil {
			return ctx.Err()
		}
		select {
		case <-measured:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// due reports whether the clock should be measured: it is in doubt, or the last
// time is longer ago than that.
func (c *clock) due(every time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stateLocked() != nil || c.elapsed()-c.at.elapsed >= every
}

// serverTime translates a time of the wall clock into the server's, as far as
// the measurement is certain.
func (c *clock) serverTime(t time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.wall.IsZero() {
		return t
	}
	ahead, half := c.ahead-c.read().jump(c.at), c.round/2
	switch {
	case ahead > half:
		return t.Add(ahead - half)
	case ahead < -half:
		return t.Add(ahead + half)
	}
	return t
}
