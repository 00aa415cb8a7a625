package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/retry"
)

const (
	ackWait = 5 * time.Second  // for one acknowledgement
	timeout = 15 * time.Second // through an outage; a leader's election takes about 6
)

// broker is a connection to NATS, and what is learnt on it.
type broker struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	denied denials
}

// dial connects, or says why not: no server there, or replies that would not
// reach us. Without those every job would be stored and look lost.
func dial(ctx context.Context, flags config.NATS) (broker, error) {
	b := broker{denied: newDenials()}
	var err error
	if b.nc, _, err = flags.Dial(name, false, config.NATSWatch{Denied: b.denied.note}); err != nil {
		return broker{}, err
	}
	// Twice the window: publishing must not stall behind futures that are
	// resolved but not looked at yet.
	b.js, err = jetstream.New(b.nc, jetstream.WithPublishAsyncTimeout(ackWait), jetstream.WithPublishAsyncMaxPending(2*window))
	if err == nil {
		err = b.checkInbox(ctx)
	}
	if err != nil {
		b.nc.Close()
		return broker{}, err
	}
	return b, nil
}

// checkInbox subscribes where replies come. The server says no before it
// answers the flush.
func (b broker) checkInbox(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ackWait)
	defer cancel()
	sub, err := b.nc.SubscribeSync(b.nc.NewInbox())
	if err != nil {
		return fmt.Errorf("subscribe to replies: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := b.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("subscribe to replies: %w", err)
	}
	if err := b.nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
		return fmt.Errorf("%w: %w; is NATS_INBOX_PREFIX right?", errDenied, err)
	}
	return nil
}

// sender returns what publishes jobs.
func (b broker) sender(say *console, stored func(job)) *sender {
	return &sender{
		js: b.js, again: stream.NewPublisher(b.js), denied: b.denied, say: say, stored: stored,
		connected: func(ctx context.Context) error { return config.AwaitNATS(ctx, b.nc) },
		timeout:   timeout,
		pauses:    retry.Policy{Initial: 50 * time.Millisecond, Max: time.Second, Rand: rand.Float64},
	}
}
