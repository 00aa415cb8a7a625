package retry

import (
	"math"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Policy turns a count of tries into delays. It is a value, safe for concurrent
// use if Rand is. Max below Initial is the delay of every try.
type Policy struct {
	Initial time.Duration  // delay after the first try (RETRY_INITIAL)
	Max     time.Duration  // no delay is longer, jitter aside (RETRY_MAX)
	Rand    func() float64 // uniform in [0,1); nil: no jitter
}

// Delay returns min(Max, Initial·2ⁿ⁻¹) for the n-th try, counted from 1; an n
// below 1 counts as 1.
func (p Policy) Delay(n int) time.Duration {
	// NextBackOff hands out the initial interval as it is, above the maximum too.
	initial, limit := max(p.Initial, 0), max(p.Max, 0)
	if initial == 0 || initial >= limit {
		return min(initial, limit)
	}
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(initial),
		backoff.WithMaxInterval(limit),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(0),
		backoff.WithMaxElapsedTime(0), // the default turns into Stop, −1, after 15 minutes
	)
	delay := b.NextBackOff()
	for i := 1; i < n && delay < limit; i++ {
		delay = b.NextBackOff()
	}
	return delay
}

// Jittered returns the n-th delay spread evenly over ±50 %.
func (p Policy) Jittered(n int) time.Duration {
	delay := p.Delay(n)
	if p.Rand == nil {
		return delay
	}
	return plus(delay-delay/2, p.share(delay))
}

// After returns the delay for a Retry-After: min(retryAfter, Max), lengthened by
// up to 50 % and never shortened. A negative value counts as zero.
func (p Policy) After(retryAfter time.Duration) time.Duration {
	delay := max(min(retryAfter, p.Max), 0)
	return plus(delay, p.share(delay/2))
}

// share returns a random part of d, nothing without a source.
func (p Policy) share(d time.Duration) time.Duration {
	if p.Rand == nil {
		return 0
	}
	return time.Duration(p.Rand() * float64(d))
}

// plus adds two durations that are not negative, and stops at the longest.
func plus(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
