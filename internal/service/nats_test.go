package service_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// The answer that is not stored: NATS goes after DOKU has committed and before
// its answer could be recorded.
func TestAnUnstoredAnswerOutlivesARestartOfNATS(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	addr := freeAddr(t)
	f.worker(t, func(cfg *service.Config) {
		cfg.HTTPAddr = addr
		cfg.Policy.Timeout = time.Minute // the answer is held for as long as this test likes
	})
	d := scenario{channel: channel.CreditCard, refunds: fault(dokusim.Hold), want: paidAtOnce("PARTIAL_REFUND")}.trial("hand")
	d.begin(t, f)
	held, err := f.DOKU.WaitHeld(t.Context(), d.refundCalls())
	if err != nil || !held[0].Committed {
		t.Fatalf("held %+v, %v", held, err)
	}
	f.NATS.Stop()
	f.DOKU.Release(d.refundCalls())
	readiness(t, addr, http.StatusServiceUnavailable, "credit_card: an answer from DOKU cannot be stored")
	readiness(t, addr, http.StatusServiceUnavailable, "not connected to NATS")
	if calls := f.DOKU.RequestsFor(d.refundCalls()); len(calls) != 1 {
		t.Errorf("%d calls", len(calls))
	}
	if err := f.NATS.Restart(); err != nil {
		t.Fatal(err)
	}
	d.check(t, f) // one call, and by its response
	readiness(t, addr, http.StatusOK, "ready")
	f.settled(t)
	f.audit(t)
}

// The channel of an answer that is not stored takes no new job: whatever keeps
// the answer from being stored, the next one may share.
func TestNoJobIsTakenWhileAnAnswerIsUnstored(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	addr := freeAddr(t)
	f.worker(t, func(cfg *service.Config) {
		cfg.HTTPAddr = addr
		cfg.Policy.Timeout = time.Minute
	})
	d := scenario{channel: channel.CreditCard, refunds: fault(dokusim.Hold), want: paidAtOnce("PARTIAL_REFUND")}.trial("hand")
	d.begin(t, f)
	if _, err := f.DOKU.WaitHeld(t.Context(), d.refundCalls()); err != nil {
		t.Fatal(err)
	}
	f.ledgerFull(t)
	f.DOKU.Release(d.refundCalls())
	readiness(t, addr, http.StatusServiceUnavailable, "credit_card: an answer from DOKU cannot be stored")
	for i := range 5 {
		scenario{channel: channel.CreditCard, want: paidAtOnce("")}.trial(fmt.Sprintf("behind%d", i)).begin(t, f)
	}
	consumer, err := f.JS.Consumer(t.Context(), stream.Jobs, "worker_credit_card")
	if err != nil {
		t.Fatal(err)
	}
	// Open, the gate would let all five through within milliseconds. The one that
	// the server may have sent to a pull that stood already is not started.
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 20 {
		<-tick.C
		_, metrics := fetch(t, addr, "/metrics")
		info, err := consumer.Info(t.Context())
		if err != nil || info.NumPending < 4 || !strings.Contains(metrics, `refund_jobs_in_flight{channel="credit_card"} 1`) {
			t.Fatalf("jobs were taken: %d of 5 are left in the queue", info.NumPending)
		}
	}
	f.ledgerRoomy(t)
	for _, e := range f.journal.waitResults(t, 6) {
		if r := e.result(t); r.Status != refund.Succeeded || r.Evidence != refund.ByResponse {
			t.Errorf("result = %+v", r)
		}
	}
	f.settled(t)
	f.audit(t)
}

// ledgerFull lets REFUNDS refuse every append, while all else continues.
func (f fixture) ledgerFull(t *testing.T) {
	t.Helper()
	f.changeStream(t, stream.Refunds, func(c *jetstream.StreamConfig, now jetstream.StreamState) {
		c.Discard, c.MaxMsgs = jetstream.DiscardNew, int64(now.Msgs)
	})
}

func (f fixture) ledgerRoomy(t *testing.T) {
	t.Helper()
	f.changeStream(t, stream.Refunds, func(c *jetstream.StreamConfig, _ jetstream.StreamState) {
		c.Discard, c.MaxMsgs = jetstream.DiscardOld, -1
	})
}

func (f fixture) changeStream(t *testing.T, name string, change func(*jetstream.StreamConfig, jetstream.StreamState)) {
	t.Helper()
	s, err := f.JS.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	info := s.CachedInfo()
	change(&info.Config, info.State)
	if _, err := f.JS.UpdateStream(t.Context(), info.Config); err != nil {
		t.Fatal(err)
	}
}

func TestAWorkerWaitsForNATS(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.NATS.Stop()
	addr := freeAddr(t)
	f.worker(t, func(cfg *service.Config) { cfg.HTTPAddr = addr })
	readiness(t, addr, http.StatusServiceUnavailable, "not connected to NATS")
	if status, _ := fetch(t, addr, "/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}
	f.restart(t)
	readiness(t, addr, http.StatusOK, "ready")
	d := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("after")
	d.begin(t, f)
	d.check(t, f)
	f.audit(t)
}

// A worker that is stopped while it still waits has nothing to drain.
func TestAWorkerThatStillWaitsForNATSCanBeStopped(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.NATS.Stop()
	addr := freeAddr(t)
	w := f.start(t, func(cfg *service.Config) { cfg.HTTPAddr = addr })
	readiness(t, addr, http.StatusServiceUnavailable, "not connected to NATS")
	if err := w.Stop(); err != nil {
		t.Errorf("worker ended with %v", err)
	}
}

// restart starts NATS again and waits until the test itself can use it.
func (f fixture) restart(t *testing.T) {
	t.Helper()
	if err := f.NATS.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a connection of the test's own", func() bool {
		_, err := f.JS.Stream(t.Context(), stream.Refunds)
		return err == nil
	})
}

func TestRefundsEndOnceThoughNATSIsRestartedUnderLoad(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: 2 * time.Second, Delay: 40 * time.Millisecond})
	f.worker(t, patientCalls)
	f.worker(t, patientCalls)
	const each = 60
	channels := []channel.Channel{channel.CreditCard, channel.DirectDebitMandiri, channel.EmoneyDANA}
	for i := range each {
		for _, ch := range channels {
			scenario{channel: ch, want: paidAtOnce("")}.trial(fmt.Sprintf("%s-%d", ch[:2], i)).begin(t, f)
		}
	}
	for _, n := range []int{20, 80} {
		f.journal.waitResults(t, n)
		f.restart(t)
	}
	for _, e := range f.journal.waitResults(t, each*len(channels)) {
		if e.State != refund.Succeeded {
			t.Errorf("%s: %s", e.Job.RefundID, e.body)
		}
	}
	f.settled(t)
	f.audit(t)
}

// refuses starts a worker that must not start, and must say why.
func (f fixture) refuses(t *testing.T, change func(*service.Config), reasons ...string) {
	t.Helper()
	err := service.Run(t.Context(), f.config(t, change))
	if !errors.Is(err, service.ErrUnfit) {
		t.Fatalf("error = %v", err)
	}
	for _, reason := range reasons {
		if !strings.Contains(err.Error(), reason) {
			t.Errorf("%q does not say %q", err, reason)
		}
	}
}

func nothing(*service.Config) {}

func TestMissingStreamsAndConsumersAreNamed(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	if err := f.JS.DeleteConsumer(t.Context(), stream.Jobs, "worker_emoney_ovo"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{stream.Waits, stream.Dead} {
		if err := f.JS.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	f.refuses(t, nothing, stream.Waits, stream.Dead, "worker_emoney_ovo")
}

func TestUnfitStreamsAreRefused(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.changeStream(t, stream.Waits, func(c *jetstream.StreamConfig, _ jetstream.StreamState) { c.MaxMsgs = 1000 })
	f.refuses(t, nothing, stream.Waits, "limit")
}

func TestALedgerOfAnotherIsRefused(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	w := f.start(t, nil)
	d := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("first")
	d.begin(t, f)
	d.check(t, f)
	if err := w.Stop(); err != nil {
		t.Errorf("worker ended with %v", err)
	}
	d2 := scenario{channel: channel.CreditCard, want: paidAtOnce("")}.trial("second")
	d2.begin(t, f)
	f.refuses(t, func(cfg *service.Config) { cfg.ClientID = "BRN-OTHER" }, "BRN-OTHER", devstack.ClientID)
	f.refuses(t, func(cfg *service.Config) { cfg.Environment = "sandbox" }, `"sandbox"`, `"simulator"`)
	if f.queued(t) != 1 || len(f.DOKU.RequestsFor(d2.refundCalls())) != 0 {
		t.Error("a worker that refused to start took a job")
	}
}

func TestSetupCreatesWhatIsMissingAndAltersNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: 7 * time.Second})
	for _, name := range []string{stream.Waits, stream.Dead} {
		if err := f.JS.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	f.worker(t, func(cfg *service.Config) { cfg.Setup = true })
	d := scenario{channel: channel.DirectDebitMandiri, refunds: fault(dokusim.TooMany), want: retried("")}.trial("d")
	d.begin(t, f)
	d.check(t, f)
	f.publish(t, channel.EmoneyOVO, "dead")
	f.dead(t, 1)
	for from, want := range map[string]time.Duration{stream.Jobs: 7 * time.Second, stream.Waits: stream.AckWait} {
		name := map[string]string{stream.Jobs: "worker_credit_card", stream.Waits: "due_credit_card"}[from]
		c, err := f.JS.Consumer(t.Context(), from, name)
		if err != nil || c.CachedInfo().Config.AckWait != want {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}
