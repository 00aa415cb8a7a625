package retry

import "time"

// Delays are the retry delays of one refund on a channel with this breaker.
type Delays struct {
	Policy  Policy
	Breaker *Breaker
	Now     func() time.Time
	Taken   int // delays taken so far
}

// longDelay is how many doublings the delays of a channel that refuses "not now"
// are ahead: a cut-off or a short balance lasts hours.
const longDelay = 4

// Next returns the next delay, or what DOKU asked for.
func (d Delays) Next(retryAfter time.Duration) time.Duration {
	if retryAfter > 0 {
		return d.untilClosed(d.Policy.After(retryAfter))
	}
	return d.untilClosed(d.Policy.Jittered(d.Taken + 1))
}

// Long returns a delay for a refusal that will last.
func (d Delays) Long() time.Duration {
	return d.untilClosed(d.Policy.Jittered(d.Taken + 1 + longDelay))
}

// Open reports whether the breaker is open.
func (d Delays) Open() bool { return !d.Breaker.OpenUntil().IsZero() }

// untilClosed lengthens a delay that would end while the breaker is open: the
// refund would only be delayed again.
func (d Delays) untilClosed(delay time.Duration) time.Duration {
	until := d.Breaker.OpenUntil()
	if until.IsZero() {
		return delay
	}
	return max(delay, until.Sub(d.Now()))
}
