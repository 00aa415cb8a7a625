package service_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// An intake that waited for a pull to expire, as one with a small window of
// messages can, would show gaps of many seconds. Half of the jobs are queued
// before the worker starts, half come while it works.
func TestTheIntakeNeverStandsStill(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{1, 4, 16, 32, 256} { // one after the other: this is about time
		t.Run(fmt.Sprintf("concurrency %d", concurrency), func(t *testing.T) {
			f := setup(t, devstack.Config{})
			const n = 300
			for i := range n {
				if i == n/2 {
					f.worker(t, func(cfg *service.Config) {
						patientCalls(cfg)
						cfg.Concurrency = concurrency
					})
				}
				ch := []channel.Channel{channel.CreditCard, channel.EmoneyOVO, channel.CreditCard}[i%3]
				scenario{channel: ch, want: paidAtOnce("")}.trial(fmt.Sprintf("q%d", i)).begin(t, f)
			}
			late := lateness(t)
			results := f.journal.waitResults(t, n)
			slack := late()
			for i := 1; i < len(results); i++ {
				if gap := results[i].stored.Sub(results[i-1].stored); gap > 5*time.Second+5*slack {
					t.Errorf("%v without a result, after the %dth (the machine was late by %v)", gap, i, slack)
				}
			}
			for _, e := range results {
				if e.State != refund.Succeeded || e.Sends != 1 {
					t.Errorf("%s: %s", e.Job.RefundID, e.body)
				}
			}
			f.settled(t)
			f.audit(t)
		})
	}
}

// lateness measures, until it is asked, by how much this machine is ever late:
// that is nothing that an intake could help. On its way a job passes several
// goroutines, each as late.
func lateness(t *testing.T) (worst func() time.Duration) {
	t.Helper()
	const every = 10 * time.Millisecond
	stop, late := make(chan struct{}), time.Duration(0)
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-stop:
				return
			case <-tick.C:
				late = max(late, time.Since(last)-every)
				last = time.Now()
			}
		}
	})
	end := sync.OnceFunc(func() { close(stop); watching.Wait() })
	t.Cleanup(end)
	return func() time.Duration { end(); return late }
}
