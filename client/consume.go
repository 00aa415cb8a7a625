package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
)

// Results hands every result to handle, through a durable consumer of the stream
// REFUNDS, until ctx ends; it then returns nil. A result is acknowledged after handle
// has returned nil. One that handle returns an error for comes again, after a second
// and later after up to a minute, while others go on. A result comes at least once:
// remember [Result.EventID].
//
// Outages of NATS are waited for. The errors that end it are [ErrNoConsumer],
// [ErrDenied] and [ErrUnreadable].
func (c *Client) Results(ctx context.Context, consumer string, handle func(context.Context, Result) error) error {
	return c.consume(ctx, source{stream.Refunds, consumer, jobs.ResultsPrefix}, func(ctx context.Context, m jetstream.Msg) error {
		result, err := decodeResult(m.Headers(), m.Data())
		if err != nil {
			return err
		}
		return handled(handle(ctx, result))
	})
}

// Notices is [Client.Results] for notices of dead letters, through a durable
// consumer of the stream REFUND_DEAD. Each order system needs a consumer of its own.
func (c *Client) Notices(ctx context.Context, consumer string, handle func(context.Context, Notice) error) error {
	return c.consume(ctx, source{stream.Dead, consumer, jobs.NoticesPrefix}, func(ctx context.Context, m jetstream.Msg) error {
		notice, err := decodeNotice(m.Data())
		if err != nil {
			return err
		}
		return handled(handle(ctx, notice))
	})
}

// handlerError is an error of the caller's handler, whatever it wraps.
type handlerError struct{ error }

func handled(err error) error {
	if err != nil {
		return handlerError{err}
	}
	return nil
}

// source is what is read: a stream, a durable consumer of it, and what the subjects
// that it selects must begin with.
type source struct{ stream, consumer, subjects string }

const (
	longestOutagePause = 5 * time.Second
	longestRedelivery  = time.Minute
	lookUpWithin       = 5 * time.Second

	// prefetch is how many messages wait here while one is handled. Each has to be
	// handled within the consumer's AckWait, or comes twice.
	prefetch = 4
)

// consume reads in sessions until one ends for good.
func (c *Client) consume(ctx context.Context, s source, handle func(context.Context, jetstream.Msg) error) error {
	for failures := 0; ; failures++ {
		began := time.Now()
		err := c.session(ctx, s, handle)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the caller has ended it
		case errors.Is(err, ErrNoConsumer), errors.Is(err, ErrDenied), errors.Is(err, ErrUnreadable), c.nc.IsClosed():
			return fmt.Errorf("read %s through %s: %w", s.stream, s.consumer, err)
		case time.Since(began) > longestOutagePause:
			failures = 0
		}
		c.options.Log.Warn("reading interrupted", "stream", s.stream, "consumer", s.consumer, "error", err)
		wait(ctx, pause(failures, longestOutagePause))
	}
}

// session looks the consumer up and reads until something is wrong.
func (c *Client) session(ctx context.Context, s source, handle func(context.Context, jetstream.Msg) error) error {
	consumer, err := c.lookUp(ctx, s)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(prefetch))
	if err != nil {
		return err
	}
	defer messages.Stop()
	ackWait := consumer.CachedInfo().Config.AckWait
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		switch {
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue // NATS is away for a moment: the library pulls again
		case errors.Is(err, jetstream.ErrConsumerDeleted):
			return fmt.Errorf("%w: %w", ErrNoConsumer, err)
		case err != nil:
			return err
		}
		if err := c.settle(ctx, m, ackWait, handle); err != nil {
			return err
		}
	}
}

// lookUp returns the consumer, or [ErrNoConsumer] where it would lose messages or
// show others.
func (c *Client) lookUp(ctx context.Context, s source) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, lookUpWithin)
	defer cancel()
	before := c.nc.LastError()
	consumer, err := c.js.Consumer(ctx, s.stream, s.consumer)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrInvalidConsumerName):
		return nil, fmt.Errorf("%w: %w", ErrNoConsumer, err)
	case err != nil:
		if denied := c.denied(before, ".CONSUMER.INFO."+s.stream+"."); denied != nil {
			return nil, denied
		}
		return nil, err
	}
	cfg := consumer.CachedInfo().Config
	if cfg.AckPolicy != jetstream.AckExplicitPolicy || cfg.DeliverSubject != "" {
		return nil, fmt.Errorf("%w: it is no pull consumer with explicit acknowledgements", ErrNoConsumer)
	}
	filters := cfg.FilterSubjects
	if len(filters) == 0 {
		filters = []string{cfg.FilterSubject}
	}
	for _, filter := range filters {
		if !strings.HasPrefix(filter, s.subjects) {
			return nil, fmt.Errorf("%w: its filter %q is not within %s>", ErrNoConsumer, filter, s.subjects)
		}
	}
	return consumer, nil
}

// settle handles one message, and keeps it from redelivery meanwhile. Its only error
// is [ErrUnreadable].
func (c *Client) settle(ctx context.Context, m jetstream.Msg, ackWait time.Duration, handle func(context.Context, jetstream.Msg) error) error {
	err := kept(m, ackWait/3, func() error { return handle(ctx, m) })
	var failed handlerError
	switch {
	case err == nil:
		err = m.Ack()
	case errors.As(err, &failed):
		c.options.Log.Warn("message not handled: it comes again", "subject", m.Subject(), "error", failed.error)
		err = m.NakWithDelay(redelivery(ctx, m))
	default:
		return fmt.Errorf("message on %s: %w", m.Subject(), err)
	}
	if err != nil { // it comes again after the AckWait
		c.options.Log.Debug("message not settled", "subject", m.Subject(), "error", err)
	}
	return nil
}

// redelivery is how long a message that was not handled stays away: not at all where
// the reading ends, for another process may handle it.
func redelivery(ctx context.Context, m jetstream.Msg) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	delivered := uint64(1)
	if meta, err := m.Metadata(); err == nil {
		delivered = meta.NumDelivered
	}
	return min(time.Second<<min(delivered-1, 16), longestRedelivery)
}

// kept does it, and tells the server at intervals that the message is being worked on:
// until it returns, or panics.
func kept(m jetstream.Msg, interval time.Duration, do func() error) error {
	defer keep(m, interval)()
	return do()
}

func keep(m jetstream.Msg, interval time.Duration) (stop func()) {
	if interval <= 0 {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(interval)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				_ = m.InProgress() // unsent, it comes twice, which may happen anyway
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
