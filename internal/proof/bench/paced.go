//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/chaos"
)

// paced publishes jobs at a steady pace and returns how long each took, sorted:
// from being stored to the worker's decision on DOKU's answer, plus the time
// that NATS took to store the result.
func (b bench) paced(ctx context.Context, lasting time.Duration, sync bool) ([]time.Duration, error) {
	s, err := b.stack(ctx, sync)
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	if _, err := s.Launch(settings(64)); err != nil {
		return nil, err
	}
	warm := job(0)
	if err := s.Publish(ctx, warm); err != nil {
		return nil, err
	}
	if err := s.WaitEnded(ctx, 1); err != nil {
		return nil, err
	}
	published, err := b.trickle(ctx, s, int(lasting.Seconds()*float64(b.Pace)))
	if err != nil {
		return nil, err
	}
	if err := ended(ctx, s, len(published)+1); err != nil {
		return nil, err
	}
	return durations(ctx, s, append(published, warm), warm.RefundID)
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
		list[i] = job(i + 1)
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

func durations(ctx context.Context, s *chaos.Stack, published []jobs.Job, without string) ([]time.Duration, error) {
	audit, err := s.Audit(ctx, published)
	if err != nil {
		return nil, err
	}
	if len(audit.Problems) > 0 {
		return nil, fmt.Errorf("%w: %s", errMoney, audit.Problems[0])
	}
	var took []time.Duration
	for id, r := range audit.Refunds {
		if id != without {
			took = append(took, r.Stored.Sub(r.Results[0].EnqueuedAt))
		}
	}
	slices.Sort(took)
	return took, nil
}
