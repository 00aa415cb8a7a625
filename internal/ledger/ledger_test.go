package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fixture struct {
	nats   *devstack.NATS
	js     jetstream.JetStream
	ledger *ledger.Ledger
	now    func() time.Time
}

func setup(t *testing.T, change ...func(*ledger.Config)) fixture {
	t.Helper()
	n, err := devstack.StartNATS(devstack.NATSConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	f := fixture{nats: n, now: time.Now}
	f.ledger, f.js = open(t, n, change...)
	if err := n.Setup(t.Context(), f.js); err != nil {
		t.Fatal(err)
	}
	return f
}

func open(t testing.TB, n *devstack.NATS, change ...func(*ledger.Config)) (*ledger.Ledger, jetstream.JetStream) {
	t.Helper()
	nc, js, err := n.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	cfg := ledger.Config{
		JS: js, ClientID: "BRN-1", Environment: "simulator", Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	for _, c := range change {
		c(&cfg)
	}
	return ledger.New(cfg), js
}

func record(id string, state refund.State, prev uint64, by string) *refund.Record {
	now := refund.At(time.Now())
	r := &refund.Record{
		V: refund.RecordVersion, ClientID: "BRN-1", Environment: "simulator",
		Job: refund.Job{
			RefundID: id, Channel: channel.CreditCard, InvoiceNumber: "INV-1", OriginalRequestID: "pay-1",
			Amount: 90000, Currency: "IDR", Metadata: map[string]string{"order": "A-17"},
		},
		Fingerprint: "f", EnqueuedAt: now, At: now, By: by, Prev: prev,
		Core: refund.Core{State: state, Sends: 1, Nonce: 7, Deadline: now.Add(time.Hour)},
	}
	r.Identify()
	return r
}

func TestAppendedRecordsAreReadBackAsThePathOfTheRefund(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	seq := uint64(0)
	for i, state := range []refund.State{refund.Sending, refund.Unknown, refund.Unresolved, refund.Succeeded} {
		r := record("rf-1", state, seq, string(rune('a'+i)))
		var err error
		if seq, err = f.ledger.Append(ctx, r); err != nil {
			t.Fatalf("append %s: %v", state, err)
		}
		last, err := f.ledger.Last(ctx, "rf-1")
		if err != nil || last.Seq != seq || last.Record.State != state || last.Record.By != r.By {
			t.Fatalf("last record = %+v, %v; want %s at %d", last, err, state, seq)
		}
	}
	path, err := f.ledger.History(ctx, "rf-1")
	if err != nil || len(path) != 4 || path[0].Record.State != refund.Sending || path[3].Record.State != refund.Succeeded {
		t.Fatalf("history = %v, %v", path, err)
	}
}

func TestResultEventIsTheRecordItself(t *testing.T) {
	t.Parallel()
	f := setup(t)
	r := record("rf-1", refund.Succeeded, 0, "a")
	r.Evidence = refund.ByResponse
	r.Response = &refund.Response{HTTPStatus: 200, Message: "Approved", RefundType: "FULL_REFUND", ApprovalCode: "12321"}
	if _, err := f.ledger.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	stream, err := f.js.Stream(t.Context(), stream.Refunds)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(t.Context(), "refunds.results.credit_card.succeeded.rf-1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := jobs.DecodeResult(msg.Data)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != refund.Succeeded || got.Amount != 90000 || got.RefundType != "FULL_REFUND" ||
		got.ApprovalCode != "12321" || got.Evidence != "response" || got.RequestID != r.Identity.RequestID || got.Attempts != 1 {
		t.Errorf("result = %+v", got)
	}
	if msg.Header.Get("ce-id") != "rf-1.succeeded" || msg.Header.Get(jobs.HeaderRecord) == "" {
		t.Errorf("headers = %v", msg.Header)
	}
}

func TestAppendAfterAnotherRecordIsRefusedAndShowsIt(t *testing.T) {
	t.Parallel()
	f := setup(t)
	first, err := f.ledger.Append(t.Context(), record("rf-1", refund.Sending, 0, "a"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.ledger.Append(t.Context(), record("rf-1", refund.Rejected, 0, "b"))
	var moved *ledger.MovedError
	if !errors.As(err, &moved) || moved.Last.Seq != first || moved.Last.Record.By != "a" {
		t.Fatalf("err = %v; want a MovedError that shows sequence %d", err, first)
	}
}

func TestOwnRecordIsRecognisedAfterALostAcknowledgement(t *testing.T) {
	t.Parallel()
	f := setup(t)
	r := record("rf-1", refund.Sending, 0, "a")
	seq, err := f.ledger.Append(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	// The same bytes again are what a writer sends whose acknowledgement was
	// lost: the server refuses them, and reading shows that they are stored.
	again, err := f.ledger.Append(t.Context(), r)
	if err != nil || again != seq {
		t.Fatalf("append again = %d, %v; want %d", again, err, seq)
	}
}

func TestForeignLedgerIsRefused(t *testing.T) {
	t.Parallel()
	f := setup(t)
	if err := f.ledger.Verify(t.Context()); err != nil {
		t.Fatalf("empty ledger: %v", err)
	}
	r := record("rf-1", refund.Sending, 0, "a")
	r.Environment = "production"
	if _, err := f.ledger.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := f.ledger.Verify(t.Context()); !errors.Is(err, ledger.ErrForeign) {
		t.Fatalf("err = %v; want ErrForeign", err)
	}
}

func TestAppendWithoutAStreamIsNotStored(t *testing.T) {
	t.Parallel()
	f := setup(t)
	if err := f.js.DeleteStream(t.Context(), stream.Refunds); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ledger.Append(t.Context(), record("rf-1", refund.Sending, 0, "a")); !errors.Is(err, ledger.ErrNotStored) {
		t.Fatalf("err = %v; want ErrNotStored", err)
	}
}

func TestAppendWhoseFateCannotBeLearnedIsUncertain(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.ledger.Append(ctx, record("rf-1", refund.Sending, 0, "a")); !errors.Is(err, ledger.ErrUncertain) {
		t.Fatalf("err = %v; want ErrUncertain", err)
	}
}

func TestAnswerIsStoredAfterNATSCameBack(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.nats.Stop()
	troubled := make(chan error, 100)
	done := make(chan error, 1)
	go func() {
		_, err := f.ledger.AppendUntilStored(t.Context(), time.Time{}, record("rf-1", refund.Succeeded, 0, "a"), func(err error) {
			select {
			case troubled <- err:
			default:
			}
		})
		done <- err
	}()
	<-troubled
	if err := f.nats.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	last, err := f.ledger.Last(t.Context(), "rf-1")
	if err != nil || last.Record.State != refund.Succeeded {
		t.Fatalf("last = %+v, %v", last, err)
	}
}

func TestCensusCountsWaitsAndUnsettledRefunds(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	for _, id := range []string{"rf-1", "rf-2"} {
		if _, err := f.ledger.Append(ctx, record(id, refund.Unresolved, 0, id)); err != nil {
			t.Fatal(err)
		}
		if err := f.ledger.Schedule(ctx, ledger.ScheduledMessage{Channel: channel.CreditCard, RefundID: id, At: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	last, err := f.ledger.Last(ctx, "rf-2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ledger.Append(ctx, record("rf-2", refund.Failed, last.Seq, "op")); err != nil {
		t.Fatal(err)
	}
	counter := f.ledger.NewUnresolvedCounter()
	for range 2 {
		if n, err := counter.Unresolved(ctx); err != nil || n != 1 {
			t.Fatalf("unresolved = %d, %v; want 1", n, err)
		}
	}
	if n, err := f.ledger.Waiting(ctx); err != nil || n != 2 {
		t.Fatalf("waiting = %d, %v; want 2", n, err)
	}
	if ahead, trip, err := f.ledger.ClockOffset(ctx); err != nil || (ahead.Abs()-trip/2) > time.Millisecond || trip <= 0 {
		t.Fatalf("clock offset = %s within %s, %v", ahead, trip, err)
	}
}
