package ledger_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker/internal/channel"
	"refundworker/internal/jobs"
	"refundworker/internal/ledger"
)

func due(t *testing.T, f fixture, within time.Duration) jetstream.Msg {
	t.Helper()
	c, err := f.js.Consumer(t.Context(), jobs.StreamWaits, jobs.DueConsumer(channel.CreditCard))
	if err != nil {
		t.Fatal(err)
	}
	msg, err := c.Next(jetstream.FetchMaxWait(within))
	if err != nil {
		t.Fatalf("nothing fell due: %v", err)
	}
	if err := msg.DoubleAck(t.Context()); err != nil {
		t.Fatal(err)
	}
	return msg
}

func wait(at time.Time, body string) ledger.Wait {
	return ledger.Wait{
		Channel: channel.CreditCard, RefundID: "rf-1", At: at, Body: []byte(body),
		Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}
}

func TestWaitFiresWithTheJobByteForByteAndNotEarly(t *testing.T) {
	t.Parallel()
	f := setup(t)
	body := `{"refund_id": "rf-1",  "customer": {"access_token": "t"}}`
	at := time.Now().Add(400 * time.Millisecond)
	w := wait(at, body)
	w.Nudge = true
	if err := f.ledger.Schedule(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	msg := due(t, f, 5*time.Second)
	if string(msg.Data()) != body || msg.Subject() != "refunds.due.credit_card" {
		t.Errorf("%s: %s", msg.Subject(), msg.Data())
	}
	if msg.Headers().Get("traceparent") != w.Traceparent || msg.Headers().Get(jobs.HeaderNudge) != "1" {
		t.Errorf("headers = %v", msg.Headers())
	}
	if meta, err := msg.Metadata(); err != nil || meta.Timestamp.Before(at) {
		t.Errorf("fired at %s, before %s (%v)", meta.Timestamp, at, err)
	}
}

func TestWaitForAPastTimeFiresAtOnce(t *testing.T) {
	t.Parallel()
	f := setup(t)
	if err := f.ledger.Schedule(t.Context(), wait(time.Now().Add(-time.Minute), "x")); err != nil {
		t.Fatal(err)
	}
	due(t, f, 5*time.Second)
}

func TestLaterWaitTakesThePlaceOfTheEarlierOne(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, body := range []string{"old token", "new token"} {
		if err := f.ledger.Schedule(t.Context(), wait(time.Now().Add(500*time.Millisecond), body)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := f.ledger.Waiting(t.Context()); err != nil || n != 1 {
		t.Fatalf("waiting = %d, %v; want 1", n, err)
	}
	if msg := due(t, f, 5*time.Second); string(msg.Data()) != "new token" {
		t.Errorf("fired with %q", msg.Data())
	}
}

func TestWaitWithoutATimeIsRefused(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, at := range []time.Time{{}, time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if err := f.ledger.Schedule(t.Context(), wait(at, "x")); err == nil {
			t.Errorf("a wait for %s was stored", at)
		}
	}
}

// An overdue wait is one whose schedule the server dropped. Such a message is
// made here by a clock that runs ahead: to the sweep, a stored wait for a time
// that has long passed is overdue, whoever is to blame.
func TestOverdueWaitIsPublishedAgainOnceHoweverManySweep(t *testing.T) {
	t.Parallel()
	f := setup(t)
	if err := f.ledger.Schedule(t.Context(), wait(time.Now().Add(time.Hour), "job")); err != nil {
		t.Fatal(err)
	}
	later := func() time.Time { return time.Now().Add(time.Hour + 6*time.Minute) }
	sweeper := ledger.New(ledger.Config{
		JS: f.js, ClientID: "BRN-1", Environment: "simulator", Log: slog.New(slog.DiscardHandler), Now: later,
	})
	stream, err := f.js.Stream(t.Context(), jobs.StreamWaits)
	if err != nil {
		t.Fatal(err)
	}
	before := stored(t, stream)
	if again, err := f.ledger.SweepOverdue(t.Context()); err != nil || again != 0 {
		t.Fatalf("a wait that is not overdue was swept: %d, %v", again, err)
	}
	if again, err := sweeper.SweepOverdue(t.Context()); err != nil || again != 1 {
		t.Fatalf("sweep = %d, %v; want 1", again, err)
	}
	after := stored(t, stream)
	if after.Sequence == before.Sequence || string(after.Data) != "job" || after.Header.Get("Nats-Schedule") != before.Header.Get("Nats-Schedule") {
		t.Errorf("published again as %v, was %v", after, before)
	}
}

func stored(t *testing.T, stream jetstream.Stream) *jetstream.RawStreamMsg {
	t.Helper()
	msg, err := stream.GetLastMsgForSubject(t.Context(), "refunds.retry.credit_card.rf-1")
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestSweepSkipsAWaitThatItCannotRead(t *testing.T) {
	t.Parallel()
	f := setup(t)
	msg := nats.NewMsg("refunds.retry.credit_card.rf-2")
	msg.Header.Set("Nats-Schedule", "@every 1h")
	msg.Header.Set("Nats-Schedule-Target", "refunds.due.credit_card")
	if _, err := f.js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	later := ledger.New(ledger.Config{
		JS: f.js, ClientID: "BRN-1", Environment: "simulator", Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(time.Hour) },
	})
	if again, err := later.SweepOverdue(t.Context()); err != nil || again != 0 {
		t.Fatalf("sweep = %d, %v", again, err)
	}
}
