package ledger_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
)

func due(t *testing.T, f fixture, within time.Duration) jetstream.Msg {
	t.Helper()
	c, err := f.js.Consumer(t.Context(), stream.Waits, stream.DueConsumer(channel.CreditCard))
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

func scheduledMessage(at time.Time, body string) ledger.ScheduledMessage {
	return ledger.ScheduledMessage{
		Channel: channel.CreditCard, RefundID: "rf-1", At: at, Body: []byte(body),
		Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}
}

func TestWaitFiresWithTheJobByteForByteAndNotEarly(t *testing.T) {
	t.Parallel()
	f := setup(t)
	body := `{"refund_id": "rf-1",  "customer": {"access_token": "t"}}`
	at := time.Now().Add(400 * time.Millisecond)
	w := scheduledMessage(at, body)
	w.WakeUp = true
	if err := f.ledger.Schedule(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	msg := due(t, f, 5*time.Second)
	if string(msg.Data()) != body || msg.Subject() != "refunds.due.credit_card" {
		t.Errorf("%s: %s", msg.Subject(), msg.Data())
	}
	if msg.Headers().Get("traceparent") != w.Traceparent || msg.Headers().Get(jobs.HeaderWakeUp) != "1" {
		t.Errorf("headers = %v", msg.Headers())
	}
	if meta, err := msg.Metadata(); err != nil || meta.Timestamp.Before(at) {
		t.Errorf("fired at %s, before %s (%v)", meta.Timestamp, at, err)
	}
}

func TestWaitForAPastTimeFiresAtOnce(t *testing.T) {
	t.Parallel()
	f := setup(t)
	if err := f.ledger.Schedule(t.Context(), scheduledMessage(time.Now().Add(-time.Minute), "x")); err != nil {
		t.Fatal(err)
	}
	due(t, f, 5*time.Second)
}

func TestLaterWaitTakesThePlaceOfTheEarlierOne(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, body := range []string{"old token", "new token"} {
		if err := f.ledger.Schedule(t.Context(), scheduledMessage(time.Now().Add(500*time.Millisecond), body)); err != nil {
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
		if err := f.ledger.Schedule(t.Context(), scheduledMessage(at, "x")); err == nil {
			t.Errorf("a wait for %s was stored", at)
		}
	}
}

// tight is a server whose storage can be filled. An overdue wait is one that fell
// due while it was full: the server had tried to store what fires, and does not
// try again.
func tight(t *testing.T) (fixture, *ledger.Ledger) {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 8 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("not ready")
	}
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range stream.Configs(1) {
		if c.Name != stream.Waits && c.Name != stream.Refunds {
			continue
		}
		if _, err := js.CreateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range stream.Consumers([]channel.Channel{channel.CreditCard}) {
		if c.Stream != stream.Waits {
			continue
		}
		if _, err := js.CreateConsumer(t.Context(), c.Stream, c.Config); err != nil {
			t.Fatal(err)
		}
	}
	return fixture{js: js}, ledger.New(ledger.Config{
		JS: js, ClientID: "BRN-1", Environment: "simulator", Log: slog.New(slog.DiscardHandler), Now: time.Now,
		OverdueAfter: 300 * time.Millisecond,
	})
}

// fill leaves no room, and returns what makes it again.
func (f fixture) fill(t *testing.T) (empty func()) {
	t.Helper()
	if _, err := f.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "FILLER", Subjects: []string{"filler"}}); err != nil {
		t.Fatal(err)
	}
	for size := 512 << 10; size > 0; {
		if _, err := f.js.Publish(t.Context(), "filler", make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return func() {
		if err := f.js.DeleteStream(t.Context(), "FILLER"); err != nil {
			t.Fatal(err)
		}
	}
}

// untilFull is when a wait falls due that must find the server full by then.
const untilFull = 5 * time.Second

func TestWaitThatFellDueOnAFullServerIsPublishedAgainOnceHoweverManySweep(t *testing.T) {
	t.Parallel()
	f, l := tight(t)
	at := time.Now().Add(untilFull)
	if err := l.Schedule(t.Context(), scheduledMessage(at, "job")); err != nil {
		t.Fatal(err)
	}
	stream, err := f.js.Stream(t.Context(), stream.Waits)
	if err != nil {
		t.Fatal(err)
	}
	before := stored(t, stream)
	if done, err := l.SweepOverdue(t.Context()); err != nil || done.Again != 0 || done.Blocked {
		t.Fatalf("a wait that is not overdue was swept: %+v, %v", done, err)
	}
	empty := f.fill(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for done := (ledger.Swept{}); !done.Blocked; <-tick.C { // full, a sweep is told so
		if done, err = l.SweepOverdue(t.Context()); err != nil || done.Again != 0 || time.Since(at) > time.Minute {
			t.Fatalf("sweep of a full server = %+v, %v", done, err)
		}
	}
	empty()
	other := ledger.New(ledger.Config{
		JS: f.js, ClientID: "BRN-1", Environment: "simulator", Log: slog.New(slog.DiscardHandler), Now: time.Now,
		OverdueAfter: 300 * time.Millisecond,
	})
	again := 0
	for _, sweeper := range []*ledger.Ledger{l, other, l} {
		done, err := sweeper.SweepOverdue(t.Context())
		if err != nil || done.Blocked {
			t.Fatalf("sweep = %+v, %v", done, err)
		}
		again += done.Again
	}
	if again != 1 {
		t.Fatalf("published again %d times, want once", again)
	}
	msg := due(t, f, 10*time.Second)
	if string(msg.Data()) != "job" || before.Header.Get("Nats-Schedule") == "" {
		t.Errorf("fired with %q", msg.Data())
	}
}

// A worker whose clock is wrong sweeps no more than others.
func TestSweepGoesByTheServersClock(t *testing.T) {
	t.Parallel()
	f := setup(t)
	if err := f.ledger.Schedule(t.Context(), scheduledMessage(time.Now().Add(time.Hour), "job")); err != nil {
		t.Fatal(err)
	}
	ahead := ledger.New(ledger.Config{
		JS: f.js, ClientID: "BRN-1", Environment: "simulator", Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(2 * time.Hour) }, OverdueAfter: time.Millisecond,
	})
	if done, err := ahead.SweepOverdue(t.Context()); err != nil || done.Again != 0 {
		t.Fatalf("sweep = %+v, %v", done, err)
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
	sweeper := ledger.New(ledger.Config{
		JS: f.js, ClientID: "BRN-1", Environment: "simulator", Log: slog.New(slog.DiscardHandler), Now: time.Now,
		OverdueAfter: time.Nanosecond,
	})
	if done, err := sweeper.SweepOverdue(t.Context()); err != nil || done.Again != 0 || done.Read != 2 {
		t.Fatalf("sweep = %+v, %v", done, err)
	}
}
