package service_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
	"refundworker.example/refundworker/internal/worker"
)

// stopping begins to stop a worker and returns once it says so; what it ended
// with comes through the channel.
func stopping(t *testing.T, w *devstack.Worker, addr string) <-chan error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- w.Stop() }()
	readiness(t, addr, http.StatusServiceUnavailable, "stopping")
	return ended
}

func heldCall(t *testing.T, f fixture, id string) trial {
	t.Helper()
	d := scenario{channel: channel.CreditCard, refunds: fault(dokusim.Hold), want: paidAtOnce("PARTIAL_REFUND")}.trial(id)
	d.begin(t, f)
	if _, err := f.DOKU.WaitHeld(t.Context(), d.refundCalls()); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAStopWaitsForTheCallThatRunsAndRecordsItsAnswer(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	addr := freeAddr(t)
	w := f.start(t, func(cfg *service.Config) {
		cfg.HTTPAddr = addr
		cfg.Policy.Timeout = time.Minute
	})
	d := heldCall(t, f, "held")
	ended := stopping(t, w, addr)
	f.DOKU.Release(d.refundCalls())
	if err := <-ended; err != nil {
		t.Errorf("worker ended with %v", err)
	}
	d.check(t, f)
	f.settled(t) // the acknowledgement left before the connection did
	f.audit(t)
}

func TestWhatAStoppingWorkerHasNotStartedIsDoneByAnotherAtOnce(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: time.Hour}) // nothing comes back by itself
	addr := freeAddr(t)
	w := f.start(t, func(cfg *service.Config) {
		cfg.HTTPAddr, cfg.Concurrency = addr, 1
		cfg.Policy.Timeout = time.Minute
	})
	d := heldCall(t, f, "held")
	const behind = 5
	for i := range behind {
		scenario{channel: channel.CreditCard, want: paidAtOnce("")}.trial(fmt.Sprintf("behind%d", i)).begin(t, f)
	}
	ended := stopping(t, w, addr)
	f.worker(t, nil)
	for _, e := range f.journal.waitResults(t, behind) {
		if e.Job.RefundID == d.id {
			t.Errorf("%s has ended while its call ran", d.id)
		}
	}
	f.DOKU.Release(d.refundCalls())
	if err := <-ended; err != nil {
		t.Errorf("worker ended with %v", err)
	}
	d.check(t, f)
	f.settled(t)
	f.audit(t)
}

// A job that waits for its place under the rate limit has not begun.
func TestWhatWaitsForTheRateLimitIsRequeuedAtAStop(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: time.Hour}) // nothing comes back by itself
	addr := freeAddr(t)
	w := f.start(t, func(cfg *service.Config) { cfg.HTTPAddr, cfg.RateLimit = addr, 0.01 })
	const n = 4
	for i := range n {
		scenario{channel: channel.CreditCard, want: paidAtOnce("")}.trial(fmt.Sprintf("limited%d", i)).begin(t, f)
	}
	eventually(t, "one call and three that wait for theirs", func() bool {
		_, text := fetch(t, addr, "/metrics")
		results, _ := f.journal.ended()
		return len(results) == 1 && strings.Contains(text, `refund_jobs_in_flight{channel="credit_card"} 3`)
	})
	if err := w.Stop(); err != nil {
		t.Errorf("worker ended with %v", err)
	}
	f.worker(t, nil)
	f.journal.waitResults(t, n)
	f.settled(t)
	f.audit(t)
}

// An answer that can be stored nowhere does not keep a process forever. The
// next one asks DOKU.
func TestAStopGivesUpWhatItCannotRecordInTime(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: 2 * time.Second})
	addr := freeAddr(t)
	w := f.start(t, func(cfg *service.Config) {
		cfg.HTTPAddr = addr
		cfg.Policy.Timeout = 2 * time.Second
	})
	d := heldCall(t, f, "held")
	f.NATS.Stop()
	f.DOKU.Release(d.refundCalls())
	readiness(t, addr, http.StatusServiceUnavailable, "credit_card: an answer from DOKU cannot be stored")
	from := time.Now()
	if err := <-stopping(t, w, addr); !errors.Is(err, worker.ErrDrain) {
		t.Errorf("worker ended with %v, want %v", err, worker.ErrDrain)
	}
	if took := time.Since(from); took < 15*time.Second {
		t.Errorf("it gave up after %v, want the 2 s of a call and 15 s", took)
	}
	f.restart(t)
	f.worker(t, nil)
	d.want = foundPaid()
	d.check(t, f)
	f.settled(t)
	f.audit(t)
}

// A bug must not decide about money, nor end the process.
func TestAPanicIsContainedAndTheRefundEndsLater(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	addr, log := freeAddr(t), &output{}
	var before, after atomic.Bool
	f.worker(t, func(cfg *service.Config) {
		patientCalls(cfg)
		cfg.HTTPAddr = addr
		cfg.Log = slog.New(slog.NewJSONHandler(log, nil))
		cfg.Interrupt = func(id string, done refund.Effect) error {
			if id == "unsent" && done == refund.Prepare && !before.Swap(true) {
				panic("planted: before the send")
			}
			if id == "sent" && done == refund.Send && !after.Swap(true) {
				panic("planted: after the send")
			}
			return nil
		}
	})
	unsent := scenario{channel: channel.EmoneyOVO, want: paidAtOnce("")}.trial("unsent")
	sent := scenario{channel: channel.CreditCard, want: foundPaid()}.trial("sent")
	other := scenario{channel: channel.EmoneyOVO, want: paidAtOnce("")}.trial("other")
	for _, d := range []trial{unsent, sent, other} {
		d.begin(t, f)
	}
	for _, d := range []trial{other, unsent, sent} {
		d.check(t, f)
	}
	if _, text := fetch(t, addr, "/metrics"); !strings.Contains(text, `refund_panics_total{channel="emoney_ovo"} 1`) ||
		!strings.Contains(text, `refund_panics_total{channel="credit_card"} 1`) {
		t.Error("refund_panics_total does not count them")
	}
	if text := string(log.bytes()); strings.Count(text, "handler panicked") != 2 || strings.Contains(text, "planted") || !strings.Contains(text, "stop_test.go") {
		t.Errorf("the log should show two panics with their stacks, and not quote them:\n%s", text)
	}
	f.settled(t)
	f.audit(t)
}
