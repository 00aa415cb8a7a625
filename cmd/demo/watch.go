package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

// event is something seen or done, to be applied by the owner of the progress.
type event func(*progress)

// watched is a part of a stream that the table shows.
type watched struct {
	stream, filter string
	read           func(jetstream.Msg) (event, error)
}

// watch follows it from the stream's beginning and turns every message into an
// event, until ctx ends.
func (w watched) watch(ctx context.Context, js jetstream.JetStream, events chan<- event) error {
	c, err := js.OrderedConsumer(ctx, w.stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{w.filter}})
	if err != nil {
		return fmt.Errorf("watch %s: %w", w.stream, err)
	}
	messages, err := c.Messages()
	if err != nil {
		return fmt.Errorf("watch %s: %w", w.stream, err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, jetstream.ErrNoHeartbeat) {
			continue // a busy machine; the consumer is made anew by itself
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", w.stream, err)
		}
		e, err := w.read(msg)
		if err != nil {
			return fmt.Errorf("watch %s: %w", w.stream, err)
		}
		select {
		case events <- e:
		case <-ctx.Done():
			return nil
		}
	}
}

// readRefund reads a record of the ledger or a result.
func readRefund(msg jetstream.Msg) (event, error) {
	if strings.HasPrefix(msg.Subject(), jobs.ResultsPrefix) {
		result, err := jobs.DecodeResult(msg.Data())
		return func(b *progress) { b.settled(result) }, err
	}
	var rec refund.Record
	if err := json.Unmarshal(msg.Data(), &rec); err != nil {
		return nil, fmt.Errorf("read record on %s: %w", msg.Subject(), err)
	}
	return func(b *progress) { b.recorded(rec) }, nil
}

// readLetter reads a dead letter. What somebody has done about one stands on the same
// subject, and is nothing new here.
func readLetter(msg jetstream.Msg) (event, error) {
	h := msg.Headers()
	if h.Get(operator.HeaderDeadAction) != "" {
		return func(*progress) {}, nil
	}
	seq, err := strconv.ParseUint(h.Get(jobs.HeaderDeadSequence), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read dead letter: %w", err)
	}
	reason := h.Get(jobs.HeaderDeadReason)
	return func(b *progress) { b.deadLettered(seq, reason) }, nil
}

// readHistories returns what the stream REFUNDS holds, by refund_id. It is read
// anew, so that the audit rests on nothing that was drawn.
func readHistories(ctx context.Context, js jetstream.JetStream) (map[string]history, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	refunds, err := js.Stream(ctx, stream.Refunds)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	c, err := refunds.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	messages, err := c.Messages()
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	defer messages.Stop()
	all := map[string]history{}
	for range refunds.CachedInfo().State.Msgs {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read records: %w", err)
		}
		if err := addMessage(all, msg); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// addMessage adds a record, which may be a result as well.
func addMessage(all map[string]history, msg jetstream.Msg) error {
	_, state, id, err := jobs.ParseLedgerSubject(msg.Subject())
	if err == nil {
		h := all[id]
		h.states = append(h.states, state)
		all[id] = h
		return nil
	}
	result, err := jobs.DecodeResult(msg.Data())
	if err != nil {
		return err
	}
	h := all[result.RefundID]
	h.states, h.results = append(h.states, result.Status), append(h.results, result)
	all[result.RefundID] = h
	return nil
}

// awaitDrained returns when no job and no wait is left: every message has been
// worked off, copies and repeats included.
func awaitDrained(ctx context.Context, js jetstream.JetStream) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := queued(ctx, js)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d messages are left in the queues: %w", left, context.Cause(ctx))
		}
	}
}

func queued(ctx context.Context, js jetstream.JetStream) (left uint64, err error) {
	for _, name := range []string{stream.Jobs, stream.Waits} {
		stream, err := js.Stream(ctx, name)
		if err != nil {
			return 0, fmt.Errorf("look at %s: %w", name, err)
		}
		left += stream.CachedInfo().State.Msgs
	}
	return left, nil
}
