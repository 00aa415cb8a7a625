package service_test

import (
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// NATS goes right after a record of `waiting`, before its wait is stored. The
// wait was tried once, and its refund left to AckWait.
func TestAWaitThatCannotBeStoredAtOnceDelaysNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: time.Hour}) // nothing comes back by itself
	var once sync.Once
	gone, back := make(chan struct{}), make(chan struct{})
	f.worker(t, func(cfg *service.Config) {
		waiting := false
		cfg.Interrupt = func(_ string, done refund.Effect) error {
			// The answer of a send has been recorded; its wait comes next.
			if done == refund.Send {
				waiting = true
			} else if waiting && done == refund.Append {
				once.Do(func() { f.NATS.Stop(); close(gone) })
			}
			return nil
		}
	})
	d := scenario{channel: channel.CreditCard, refunds: fault(dokusim.TooMany), want: paidAtOnce("PARTIAL_REFUND")}.trial("late")
	d.begin(t, f)
	<-gone
	timer := time.AfterFunc(3*time.Second, func() { close(back) })
	defer timer.Stop()
	<-back
	if err := f.NATS.Restart(); err != nil {
		t.Fatal(err)
	}
	f.journal.waitResults(t, 1)
	f.settled(t)
	f.audit(t)
}

// What this process cannot store another may: the message is requeued, and
// not kept for its AckWait.
func TestAMessageThatCannotBeStoredIsRequeued(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{AckWait: time.Hour}) // nothing comes back by itself
	f.worker(t, nil)
	scenario{channel: channel.CreditCard, want: paidAtOnce("")}.trial("first").begin(t, f)
	f.journal.waitResults(t, 1)
	f.ledgerFull(t)
	d := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("back")
	d.begin(t, f)
	consumer, err := f.JS.Consumer(t.Context(), stream.Jobs, "worker_credit_card")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a second delivery", func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.NumRedelivered > 0
	})
	f.ledgerRoomy(t)
	f.journal.waitResults(t, 2)
	f.settled(t)
	f.audit(t)
}
