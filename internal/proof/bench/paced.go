//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/chaos"
)

// paced publishes jobs at a steady pace and returns how long each took, sorted:
// from NATS storing the job to NATS storing the result.
func (b bench) paced(ctx context.Context, name string, what setup) ([]time.Duration, error) {
	s, remove, err := b.stack(ctx, what)
	if err != nil {
		return nil, err
	}
	defer remove()
	p, err := launch(s, name, what)
	if err != nil {
		return nil, err
	}
	warm := b.job(0)
	if err := s.Publish(ctx, warm); err != nil {
		return nil, err
	}
	if err := s.WaitEnded(ctx, 1); err != nil {
		return nil, err
	}
	published, err := b.trickle(ctx, s, b.Config.paced())
	if err != nil {
		return nil, err
	}
	if err := ended(ctx, s, len(published)+1, p); err != nil {
		return nil, err
	}
	if err := check(ctx, s, name, append(published, warm)); err != nil {
		return nil, err
	}
	return durations(ctx, s, len(published))
}

// trickle publishes count jobs, each at its time whatever became of the one
// before.
func (b bench) trickle(ctx context.Context, s *chaos.Stack, count int) ([]jobs.Job, error) {
	ticker := time.NewTicker(time.Second / time.Duration(b.Pace))
	defer ticker.Stop()
	var group sync.WaitGroup
	errs := make(chan error, count)
	list := make([]jobs.Job, count)
	for i := range list {
		list[i] = b.job(i + 1)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		group.Go(func() { errs <- s.Publish(ctx, list[i]) })
	}
	group.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// durations reads the results, but for the first.
func durations(ctx context.Context, s *chaos.Stack, count int) ([]time.Duration, error) {
	consumer, err := s.JS.OrderedConsumer(ctx, stream.Refunds, jetstream.OrderedConsumerConfig{FilterSubjects: []string{results}})
	if err != nil {
		return nil, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, err
	}
	defer messages.Stop()
	var took []time.Duration
	for n := range count + 1 {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read result %d: %w", n, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return nil, err
		}
		var result struct {
			EnqueuedAt time.Time `json:"enqueued_at"`
		}
		if err := json.Unmarshal(m.Data(), &result); err != nil {
			return nil, fmt.Errorf("read result %d: %w", n, err)
		}
		if n > 0 {
			took = append(took, meta.Timestamp.Sub(result.EnqueuedAt))
		}
	}
	slices.Sort(took)
	return took, nil
}
