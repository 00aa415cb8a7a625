package ledger_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
)

func refusedLetter() stream.DeadLetter {
	return stream.DeadLetter{
		Reason: stream.DeadRefundIDConflict, Channel: channel.CreditCard, Stream: stream.Jobs, Sequence: 42,
		Subject: "refunds.jobs.credit_card", StoredAt: time.Date(2026, 11, 21, 9, 0, 0, 5, time.UTC), RefundID: "rf-1", Body: []byte("\x00no job"),
	}
}

// fired takes the message of a wait that fired.
func fired(t *testing.T, f fixture) *intake.Delivery {
	t.Helper()
	consumer, err := f.js.Consumer(t.Context(), stream.Waits, "due_credit_card")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := consumer.Next()
	if err != nil {
		t.Fatal(err)
	}
	return &intake.Delivery{Channel: channel.CreditCard, Origin: intake.FromDue, Subject: msg.Subject(), Data: msg.Data(), Header: msg.Headers()}
}

func TestDeferredDeadLetterComesBackAsItWas(t *testing.T) {
	t.Parallel()
	f := setup(t)
	if err := f.ledger.Defer(t.Context(), refusedLetter(), time.Now()); err != nil {
		t.Fatal(err)
	}
	d := fired(t, f)
	got, ok := stream.DeferredLetter(d.Channel, d.Header, d.Data, d.Stored)
	if !ok || !reflect.DeepEqual(got, refusedLetter()) {
		t.Fatalf("%v\n got %+v\nwant %+v", ok, got, refusedLetter())
	}
}

// The refund's own wait stays: a letter never takes its place, nor is it listed
// as one.
func TestDeferredDeadLetterIsNoWaitOfARefund(t *testing.T) {
	t.Parallel()
	f := setup(t)
	later := time.Now().Add(time.Hour)
	if err := f.ledger.Schedule(t.Context(), ledger.ScheduledMessage{Channel: channel.CreditCard, RefundID: "rf-1", At: later, Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.ledger.Defer(t.Context(), refusedLetter(), later); err != nil {
			t.Fatal(err)
		}
	}
	if ids, err := f.ledger.Waits(t.Context(), ""); err != nil || !slices.Equal(ids, []string{"rf-1"}) {
		t.Errorf("%q, %v", ids, err)
	}
	if n, err := f.ledger.Waiting(t.Context()); err != nil || n != 2 {
		t.Errorf("%d are stored, %v", n, err)
	}
}

func TestSequenceThatIsNoNumberIsNoDeadLetter(t *testing.T) {
	t.Parallel()
	h := nats.Header{"Refund-Dead-Stream": {"X"}, "Refund-Dead-Sequence": {"x"}}
	if got, ok := stream.DeferredLetter(channel.CreditCard, h, nil, time.Time{}); ok {
		t.Errorf("%+v", got)
	}
}

// A wait that fell due while the server could not store stays silent.
func TestOverdueDeadLetterIsPublishedAgain(t *testing.T) {
	t.Parallel()
	f, l := tight(t)
	at := time.Now().Add(untilFull)
	if err := l.Defer(t.Context(), refusedLetter(), at); err != nil {
		t.Fatal(err)
	}
	empty := f.fill(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for done := (ledger.Swept{}); !done.Blocked; <-tick.C {
		var err error
		if done, err = l.SweepOverdue(t.Context()); err != nil || done.Again != 0 || time.Since(at) > time.Minute {
			t.Fatalf("sweep of a full server = %+v, %v", done, err)
		}
	}
	empty()
	if done, err := l.SweepOverdue(t.Context()); err != nil || done.Again != 1 {
		t.Fatalf("sweep = %+v, %v", done, err)
	}
}
