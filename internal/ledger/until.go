package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/nats-io/nats.go"
)

// responses tells those who wait for a stream that it has answered somebody else:
// an append that was refused while it had no leader need not wait for its own turn.
type responses struct {
	mu   sync.Mutex
	next chan struct{} // closed by the next answer; nil: nobody waits
}

// received tells of an answer. It costs nothing while nobody waits.
func (a *responses) received() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next != nil {
		close(a.next)
		a.next = nil
	}
}

func (a *responses) wait() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next = make(chan struct{})
	}
	return a.next
}

// requests is what the operations of one ledger tell each other.
type requests struct {
	read, append, schedule responses
}

// untilDone tries do until it succeeds, ends for good, or ctx ends: then with
// the last try's error. It tries again at growing, jittered intervals, and at
// once when the connection is back or another operation of its kind has had an
// answer. failed is called after each try that failed.
func (l *Ledger) untilDone(ctx context.Context, kind *responses, failed func(error), do func(context.Context) error) error {
	pauses := l.newPauses()
	for troubled := false; ; troubled = true {
		err := do(ctx)
		if err == nil && troubled {
			l.recovered()
		}
		if err == nil || final(err) {
			return err
		}
		answered := kind.wait() // failed may bring the answer about
		failed(err)
		if !l.pause(ctx, pauses.NextBackOff(), answered) {
			return fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}

// Recovered receives after something was read or stored that could not be before.
// A schedule that fell due while nothing could be stored may be silent now.
func (l *Ledger) Recovered() <-chan struct{} { return l.recoveries }

func (l *Ledger) recovered() {
	select {
	case l.recoveries <- struct{}{}:
	default:
	}
}

// newPauses doubles the time between two attempts, each jittered by half of it: a
// fleet that retries in step would miss, together, every short time at which the
// stream answers.
func (l *Ledger) newPauses() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(l.cfg.FirstRetry), backoff.WithMaxInterval(l.cfg.LastRetry),
		backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0.5), backoff.WithMaxElapsedTime(0),
	)
}

// pause waits for d, for an answer, or for a new connection. It returns false
// when ctx has ended.
func (l *Ledger) pause(ctx context.Context, d time.Duration, answered <-chan struct{}) bool {
	connected := l.nc.StatusChanged(nats.CONNECTED)
	defer l.nc.RemoveStatusListener(connected)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
	case <-answered:
	case <-connected:
	}
	return true
}

// final reports whether trying again would end the same way.
func final(err error) bool {
	var moved *MovedError
	return errors.As(err, &moved) || errors.Is(err, ErrForeign) || errors.Is(err, ErrRecord) ||
		errors.Is(err, errRange) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrDuplicate) || errors.Is(err, nats.ErrMaxPayload)
}

// ReadUntilAnswered is [Ledger.Last], tried again until ctx ends.
func (l *Ledger) ReadUntilAnswered(ctx context.Context, refundID string, failed func(error)) (last Entry, err error) {
	err = l.untilDone(ctx, &l.requests.read, failed, func(ctx context.Context) error {
		var err error
		last, err = l.Last(ctx, refundID)
		return err
	})
	return last, err
}

// ScheduleUntilStored is [Ledger.Schedule], tried again until ctx ends. A wait that
// was stored though its acknowledgement was lost is stored again: it takes its
// own place.
func (l *Ledger) ScheduleUntilStored(ctx context.Context, w ScheduledMessage, failed func(error)) error {
	return l.untilDone(ctx, &l.requests.schedule, failed, func(ctx context.Context) error {
		return l.Schedule(ctx, w)
	})
}
