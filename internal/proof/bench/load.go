//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/proof/chaos"
	"refundworker.example/refundworker/internal/secret"
)

// longest is how long a row may take by DOKU's delay alone.
const longest = 10 * time.Second

// count is how many jobs a row has.
func (b bench) count(s setup) int {
	if s.delay == 0 {
		return b.Jobs
	}
	return max(1, min(b.Jobs, int(longest/s.delay)*s.concurrency))
}

// loaded is a stack with all jobs published, and what removes it.
func (b bench) loaded(ctx context.Context, what setup) (*chaos.Stack, []jobs.Job, func(), error) {
	s, remove, err := b.stack(ctx, what)
	if err != nil {
		return nil, nil, nil, err
	}
	list := b.jobs(b.count(what))
	if err := publish(ctx, s, list); err != nil {
		remove()
		return nil, nil, nil, err
	}
	return s, list, remove, nil
}

// jobs are the first count of them.
func (b bench) jobs(count int) []jobs.Job {
	list := make([]jobs.Job, count)
	for i := range list {
		list[i] = b.job(i)
	}
	return list
}

// job is the n-th.
func (b bench) job(n int) jobs.Job {
	j := jobs.Job{
		RefundID: fmt.Sprintf("r-%07d", n), Channel: channel.CreditCard, InvoiceNumber: fmt.Sprintf("INV-%07d", n),
		OriginalRequestID: fmt.Sprintf("b266c265-3d61-4708-9860-%012d", n), Amount: int64(90_000 + n),
		Reason: "Request by customer", Metadata: map[string]string{"order": fmt.Sprintf("A-%d", n)},
	}
	if b.DirectDebit > 0 && (n+1)%b.DirectDebit == 0 {
		j.Channel = channel.DirectDebitMandiri
		j.Customer.AccessToken = secret.New("fa8sjjEj813Y9JGoqwOeOPWbnt4CUpvIJbU1mMU4a11MNDZ7Sg5u9a")
	}
	return j
}

// publish shares the jobs between publishers who each wait for every
// acknowledgement.
func publish(ctx context.Context, s *chaos.Stack, list []jobs.Job) error {
	const publishers = 64
	var group sync.WaitGroup
	errs := make(chan error, publishers)
	for part := range slices.Chunk(list, (len(list)+publishers-1)/publishers) {
		group.Go(func() { errs <- s.Publish(ctx, part...) })
	}
	group.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
