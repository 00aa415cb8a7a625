package operator_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const clientID = "BRN-1"

// asker is DOKU with one answer.
type asker struct{ answer doku.InquiryOutcome }

func (a asker) Inquire(context.Context, doku.Order) doku.InquiryOutcome { return a.answer }

type fixture struct {
	operator.Operator
	nats   *devstack.NATS
	js     jetstream.JetStream
	ledger *ledger.Ledger
	cfg    operator.Config
}

func setup(t *testing.T) fixture {
	t.Helper()
	n, err := devstack.StartNATS(devstack.NATSConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	nc, js, err := n.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := n.Setup(t.Context(), js); err != nil {
		t.Fatal(err)
	}
	return on(n, js, clientID)
}

// on is an operator on streams that are there.
func on(n *devstack.NATS, js jetstream.JetStream, clientID string) fixture {
	f := fixture{nats: n, js: js, ledger: ledger.New(ledger.Config{
		JS: js, ClientID: clientID, Environment: "simulator", Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})}
	f.cfg = operator.Config{
		ClientID: clientID, Environment: "simulator", Instance: fmt.Sprintf("%08x", rand.Uint32()), JS: js, Ledger: f.ledger,
		Name: "ayu", Nonce: rand.Uint64, Now: time.Now, Policy: refund.Policy{RetryDeadline: 24 * time.Hour},
	}
	f.Operator = operator.New(f.cfg)
	return f
}

// asking is the operator with DOKU's answer in store.
func (f fixture) asking(answer doku.InquiryOutcome) operator.Operator {
	f.cfg.Inquirer = asker{answer}
	return operator.New(f.cfg)
}

// record is one of a refund that was sent once, an hour ago.
func record(id string, state refund.State, change ...func(*refund.Record)) *refund.Record {
	now := refund.At(time.Now())
	sent := now.Add(-time.Hour)
	r := &refund.Record{
		V: refund.RecordVersion, ClientID: clientID, Environment: "simulator",
		Job: refund.Job{
			RefundID: id, Channel: channel.CreditCard, InvoiceNumber: "INV-1", OriginalRequestID: "pay-1",
			Amount: 90000, Currency: "IDR",
		},
		Fingerprint: "f", EnqueuedAt: sent, At: now, By: id + state.String(),
		Core: refund.Core{
			State: state, Sends: 1, Nonce: 7, Deadline: now.Add(time.Hour), SendBy: sent, AskFrom: sent.Add(2 * time.Minute),
			Quiet: time.Minute,
		},
	}
	switch state {
	case refund.Waiting:
		r.Due = now.Add(30 * time.Minute)
	case refund.Unknown, refund.Unresolved:
		r.FirstUnknown, r.FirstUnknownAt = 1, sent
	}
	for _, c := range change {
		c(r)
	}
	r.Identify()
	return r
}

func neverSent(r *refund.Record) { r.Sends, r.SendBy, r.AskFrom, r.Nonce = 0, 0, 0, 0 }

func mandiri(r *refund.Record) {
	r.Job.Channel, r.Job.OriginalRequestID = channel.DirectDebitMandiri, ""
}

// put appends records one after another, as one refund's path.
func (f fixture) put(t *testing.T, path ...*refund.Record) {
	t.Helper()
	seq := uint64(0)
	for _, r := range path {
		r.Prev = seq
		var err error
		if seq, err = f.ledger.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// wait stores one for an hour from now.
func (f fixture) wait(t *testing.T, r *refund.Record, body string) {
	t.Helper()
	err := f.ledger.Schedule(t.Context(), ledger.ScheduledMessage{
		Channel: r.Job.Channel, RefundID: r.Job.RefundID, At: time.Now().Add(time.Hour), Body: []byte(body), Traceparent: "00-a-b-01",
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f fixture) last(t *testing.T, id string) refund.Record {
	t.Helper()
	e, err := f.ledger.Last(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return e.Record
}

// due takes the next message that fell due on the channel.
func (f fixture) due(t *testing.T, ch channel.Channel) jetstream.Msg {
	t.Helper()
	c, err := f.js.Consumer(t.Context(), "REFUND_WAITS", "due_"+string(ch))
	if err != nil {
		t.Fatal(err)
	}
	msg, err := c.Next(jetstream.FetchMaxWait(10 * time.Second))
	if err != nil {
		t.Fatalf("nothing fell due: %v", err)
	}
	if err := msg.DoubleAck(t.Context()); err != nil {
		t.Fatal(err)
	}
	return msg
}
