package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/refund"
)

// TestMain sets the passwords for the whole process: the parser of nats.conf
// reads the environment, and a parallel test must not change it.
func TestMain(m *testing.M) {
	for _, user := range []string{"SETUP", "WORKER", "OPERATOR", "METRICS", "PRODUCER", "SHOP", "GATEWAY"} {
		if err := os.Setenv("NATS_"+user+"_PASSWORD", strings.ToLower(user)+"-secret"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// broker is a server with the users and permissions that we ship, so that a
// command which needs more than an operator may do fails here.
type broker struct {
	url    string
	js     jetstream.JetStream // of the worker
	ledger *ledger.Ledger
}

func startBroker(t *testing.T) broker {
	t.Helper()
	opts, err := server.ProcessConfigFile("../../deploy/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.HTTPPort = "127.0.0.1", server.RANDOM_PORT, 0
	opts.StoreDir, opts.NoSigs, opts.NoLog, opts.SyncAlways = t.TempDir(), true, true, false
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server does not accept connections")
	}
	return broker{url: s.ClientURL()}
}

// setup makes the streams, as the user setup, and returns the broker with a worker's
// connection.
func setup(t *testing.T) broker {
	t.Helper()
	b := startBroker(t)
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), b.as(t, "setup")); err != nil {
		t.Fatal(err)
	}
	b.js = b.as(t, "worker")
	b.ledger = ledgerOf(b.js, "BRN-1")
	return b
}

func ledgerOf(js jetstream.JetStream, clientID string) *ledger.Ledger {
	return ledger.New(ledger.Config{
		JS: js, ClientID: clientID, Environment: "simulator", Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
}

func (b broker) as(t *testing.T, user string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(b.url, nats.UserInfo(user, user+"-secret"), nats.CustomInboxPrefix("_INBOX_"+user))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// record is one of a card refund that was sent an hour ago.
func record(id string, state refund.State, change ...func(*refund.Record)) *refund.Record {
	now := refund.At(time.Now())
	sent := now.Add(-time.Hour)
	r := &refund.Record{
		V: refund.RecordVersion, ClientID: "BRN-1", Environment: "simulator",
		Job: refund.Job{
			RefundID: id, Channel: channel.CreditCard, InvoiceNumber: "INV-" + id, OriginalRequestID: "pay-1",
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

// put appends records one after another, as one refund's path.
func (b broker) put(t *testing.T, path ...*refund.Record) {
	t.Helper()
	seq := uint64(0)
	for _, r := range path {
		r.Prev = seq
		var err error
		if seq, err = b.ledger.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// wait stores one for an hour from now.
func (b broker) wait(t *testing.T, r *refund.Record) {
	t.Helper()
	err := b.ledger.Schedule(t.Context(), ledger.ScheduledMessage{
		Channel: r.Job.Channel, RefundID: r.Job.RefundID, At: time.Now().Add(time.Hour), Body: []byte(`{"refund_id":"` + r.Job.RefundID + `"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (b broker) state(t *testing.T, id string) refund.State {
	t.Helper()
	e, err := b.ledger.Last(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return e.Record.State
}

// ended is how a run ended.
type ended struct {
	status      int
	out, errors string
}

// operator runs the program as the user operator.
func (b broker) operator(t *testing.T, args ...string) ended {
	t.Helper()
	return b.runAs(t, "operator", args...)
}

func (b broker) runAs(t *testing.T, user string, args ...string) ended {
	t.Helper()
	var out, errs bytes.Buffer
	address := strings.Replace(b.url, "nats://", "nats://"+user+":"+user+"-secret@", 1)
	args = append([]string{"--nats-url=" + address, "--nats-inbox-prefix=_INBOX_" + user, "--operator=ayu"}, args...)
	status := run(t.Context(), args, strings.NewReader(""), &out, &errs)
	return ended{status, out.String(), errs.String()}
}

// done runs a command that must succeed, and returns what it printed.
func (b broker) done(t *testing.T, args ...string) string {
	t.Helper()
	e := b.operator(t, args...)
	if e.status != 0 {
		t.Errorf("%v: status %d\n%s%s", args, e.status, e.out, e.errors)
	}
	return e.out
}

// json runs a command that must succeed, and reads its report into v.
func (b broker) json(t *testing.T, v any, args ...string) {
	t.Helper()
	out := b.done(t, append([]string{"--output=json"}, args...)...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		t.Errorf("%v: %v\n%s", args, err, out)
	}
}

// holds reports each text that is missing.
func holds(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}
