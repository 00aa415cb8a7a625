package service_test

import (
	"sync"
	"testing"
	"time"

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
	f := setup(t, devstack.Config{})
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
	d := cardDone("waits", "PARTIAL_REFUND", dokusim.Payment{}).met(dokusim.Fault{Kind: dokusim.TooMany}).drive("late")
	d.begin(t, f)
	<-gone
	timer := time.AfterFunc(3*time.Second, func() { close(back) })
	defer timer.Stop()
	<-back
	if err := f.NATS.Restart(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	f.journal.waitResults(t, 1)
	if took := time.Since(began); took > stream.AckWait*2/3 {
		t.Errorf("the refund ended %s after NATS came back", took)
	}
	f.settled(t)
	f.audit(t)
}

// What this process cannot store another may: the message is requeued, and
// not kept for its AckWait.
func TestAMessageThatCannotBeStoredIsHandedBack(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	f.worker(t, nil)
	cardDone("first", "", dokusim.Payment{}).drive("first").begin(t, f)
	f.journal.waitResults(t, 1)
	f.ledgerFull(t)
	d := cardDone("requeued", "PARTIAL_REFUND", dokusim.Payment{}).drive("back")
	d.begin(t, f)
	began := time.Now()
	consumer, err := f.JS.Consumer(t.Context(), stream.Jobs, "worker_credit_card")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a second delivery", func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.NumRedelivered > 0
	})
	// Fifteen seconds of patience and up to five of delay; a heartbeat comes after
	// ten, and AckWait only begins with it.
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it came again after %s", took)
	}
	f.ledgerRoomy(t)
	f.journal.waitResults(t, 2)
	f.settled(t)
	f.audit(t)
}
