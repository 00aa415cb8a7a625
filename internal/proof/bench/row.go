//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/chaos"
	"refundworker.example/refundworker/internal/secret"
)

type bench struct {
	Config

	programs chaos.Programs
	dir      string
}

// row is what one run gave.
type row struct {
	perSecond               float64
	worker, nats, simulator time.Duration // processor time; 0: not known here
}

var errMoney = errors.New("the money is not right")

// row publishes all jobs, starts a worker and measures from the first result to
// the last. Startup is in the processor time: some 2 µs a job of 20,000.
func (b bench) row(ctx context.Context, concurrency int, sync bool) (r row, err error) {
	s, published, err := b.loaded(ctx, sync)
	if err != nil {
		return row{}, err
	}
	defer s.Stop()
	nats, _ := s.NATS.CPU()
	simulator, _ := s.DOKU.CPU()
	w, err := s.Launch(settings(concurrency))
	if err != nil {
		return row{}, err
	}
	if err := ended(ctx, s, len(published)); err != nil {
		return row{}, err
	}
	r.worker, _ = w.CPU()
	if r.nats, _ = s.NATS.CPU(); r.nats > 0 {
		r.nats -= nats
	}
	if r.simulator, _ = s.DOKU.CPU(); r.simulator > 0 {
		r.simulator -= simulator
	}
	if r.perSecond, err = speed(ctx, s, len(published)); err != nil {
		return row{}, err
	}
	return r, check(ctx, s, published)
}

// settings are a worker's at their defaults, but for what is measured.
func settings(concurrency int) map[string]string {
	return map[string]string{
		"CONCURRENCY": strconv.Itoa(concurrency), "CHANNELS": "credit_card,direct_debit_mandiri",
		"DOKU_TIMEOUT": "60s", "INQUIRY_DELAY": "60s", "RETRY_INITIAL": "2s", "RETRY_MAX": "15m", "RETRY_DEADLINE": "24h",
	}
}

// stack starts NATS and a simulator in directories of their own.
func (b bench) stack(ctx context.Context, sync bool) (*chaos.Stack, error) {
	dir, err := os.MkdirTemp(b.dir, "row-")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "worker.log"))
	if err != nil {
		return nil, err
	}
	return chaos.Start(ctx, chaos.Config{Dir: dir, LogFile: log, Programs: b.programs, SyncAlways: sync})
}

// loaded is a stack with all jobs published.
func (b bench) loaded(ctx context.Context, sync bool) (*chaos.Stack, []jobs.Job, error) {
	s, err := b.stack(ctx, sync)
	if err != nil {
		return nil, nil, err
	}
	list := make([]jobs.Job, b.Jobs)
	for i := range list {
		list[i] = job(i)
	}
	if err := publish(ctx, s, list); err != nil {
		s.Stop()
		return nil, nil, err
	}
	return s, list, nil
}

// job is the n-th: nine cards to one direct debit.
func job(n int) jobs.Job {
	j := jobs.Job{
		RefundID: fmt.Sprintf("r-%07d", n), Channel: channel.CreditCard, InvoiceNumber: fmt.Sprintf("INV-%07d", n),
		OriginalRequestID: fmt.Sprintf("b266c265-3d61-4708-9860-%012d", n), Amount: int64(90_000 + n),
		Reason: "Request by customer", Metadata: map[string]string{"order": fmt.Sprintf("A-%d", n)},
	}
	if n%10 == 9 {
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

// ended waits until all refunds have ended, at first by counting messages (two
// a refund), which costs NATS nothing.
func ended(ctx context.Context, s *chaos.Stack, count int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	stream, err := s.JS.Stream(ctx, stream.Refunds)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		info, err := stream.Info(ctx)
		if err != nil {
			return err
		}
		if info.State.Msgs >= uint64(2*count) { //nolint:gosec // a count of ours
			return s.WaitEnded(ctx, count)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d messages: %w", info.State.Msgs, 2*count, ctx.Err())
		}
	}
}

// speed is jobs a second between the first result and the last, by NATS's own
// clock.
func speed(ctx context.Context, s *chaos.Stack, count int) (float64, error) {
	stream, err := s.JS.Stream(ctx, stream.Refunds)
	if err != nil {
		return 0, err
	}
	const results = "refunds.results.>"
	first, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(results))
	if err != nil {
		return 0, fmt.Errorf("first result: %w", err)
	}
	last, err := stream.GetLastMsgForSubject(ctx, results)
	if err != nil {
		return 0, fmt.Errorf("last result: %w", err)
	}
	return float64(count-1) / last.Time.Sub(first.Time).Seconds(), nil
}

func check(ctx context.Context, s *chaos.Stack, published []jobs.Job) error {
	audit, err := s.Audit(ctx, published)
	if err != nil {
		return err
	}
	if len(audit.Problems) > 0 {
		return fmt.Errorf("%w: %d problems, the first: %s", errMoney, len(audit.Problems), audit.Problems[0])
	}
	return nil
}
