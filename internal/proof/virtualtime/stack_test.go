package virtualtime_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/doku"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/retry"
	"refundworker.example/refundworker/internal/secret"
	"refundworker.example/refundworker/internal/service"
)

// The merchant of the scenario.
const (
	clientID  = "BRN-0001-BUBBLE"
	sharedKey = "SK-scenario-merchant"
)

// stack is NATS, DOKU and at most one worker, in one scenario.
type stack struct {
	t    *testing.T
	dir  string
	node *node
	doku *dokusim.Server
	net  *pipes

	refused atomic.Bool  // DOKU cannot be reached
	tries   atomic.Int64 // how often that was found out
	key     *rsa.PrivateKey
	log     *logged
	nc      *nats.Conn // for observers
	js      jetstream.JetStream

	end     context.CancelFunc
	serving sync.WaitGroup
	worker  *running
	posted  []posted
}

func newStack(t *testing.T, dir string) *stack {
	t.Helper()
	text, err := os.ReadFile("../../doku/testdata/merchant-pkcs1.pem")
	if err != nil {
		t.Fatal(err)
	}
	key, err := doku.LoadPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	// At 00:00 UTC a day ends, and no refund may be sent again over its end.
	pass(t, time.Hour)
	s := &stack{t: t, dir: dir, key: key, log: &logged{}, net: newPipes()}
	s.node = &node{dir: filepath.Join(dir, "nats")}
	s.node.start(t, 0)
	s.startDOKU(dokusim.Config{})
	s.nc, err = nats.Connect("", nats.InProcessServer(s.node), nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Second), nats.ReconnectBufSize(-1))
	if err != nil {
		t.Fatal(err)
	}
	if s.js, err = jetstream.New(s.nc); err != nil {
		t.Fatal(err)
	}
	if _, err := (stream.SetupConfig{Replicas: 1}).Run(t.Context(), s.js); err != nil {
		t.Fatal(err)
	}
	return s
}

// startDOKU begins a DOKU with an empty book; the one before is gone.
func (s *stack) startDOKU(cfg dokusim.Config) {
	s.t.Helper()
	s.stopDOKU()
	cfg.ClientID, cfg.SecretKey, cfg.MerchantKey = clientID, sharedKey, &s.key.PublicKey
	var err error
	if s.doku, err = dokusim.New(cfg); err != nil {
		s.t.Fatal(err)
	}
	var ctx context.Context
	ctx, s.end = context.WithCancel(context.Background())
	s.net = newPipes()
	s.serving.Go(func() { _ = s.doku.Serve(ctx, s.net) })
}

func (s *stack) stopDOKU() {
	if s.end != nil {
		s.end()
		s.serving.Wait()
	}
}

// dial is the worker's way to DOKU.
func (s *stack) dial(_ context.Context, network, _ string) (net.Conn, error) {
	if s.refused.Load() {
		s.tries.Add(1)
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	return s.net.dial()
}

func (s *stack) close() {
	s.stopWorker()
	s.nc.Close()
	s.stopDOKU()
	s.node.stop()
}

// node is a NATS server that keeps its files when it goes.
type node struct {
	dir string
	at  atomic.Pointer[server.Server]
}

// InProcessConn implements [nats.InProcessConnProvider]: it reaches whichever
// server runs.
func (n *node) InProcessConn() (net.Conn, error) {
	if at := n.at.Load(); at != nil && at.Running() {
		return at.InProcessConn()
	}
	return nil, syscall.ECONNREFUSED
}

// start begins a server on the files; limit bounds them, in bytes, 0: not.
func (n *node) start(t *testing.T, limit int64) {
	t.Helper()
	at, err := server.NewServer(&server.Options{
		ServerName: "scenario", DontListen: true, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: n.dir, JetStreamMaxStore: limit,
	})
	if err != nil {
		t.Fatal(err)
	}
	at.Start()
	if !at.ReadyForConnections(time.Minute) {
		t.Fatal("NATS is not ready")
	}
	n.at.Store(at)
}

func (n *node) stop() {
	if at := n.at.Load(); at != nil {
		at.Shutdown()
		at.WaitForShutdown()
	}
}

// running is a worker that runs.
type running struct {
	stop context.CancelFunc
	done chan error
}

// startWorker starts a worker with production's defaults for all that takes
// time, on two channels: one of each family.
func (s *stack) startWorker(changes ...func(*service.Config)) {
	s.t.Helper()
	cfg := service.Config{
		AlwaysGroup: true,
		BaseURL:     "http://127.0.0.1",
		Channels:    []channel.Channel{channel.CreditCard, channel.DirectDebitMandiri},
		ClientID:    clientID,
		Concurrency: 32,
		Connect:     config.NATS{NATSInboxPrefix: "_INBOX", NATSAPIPrefix: "$JS.API"},
		DialDOKU:    s.dial,
		Environment: "simulator",
		Keys:        service.Keys{Secret: secret.New(sharedKey), Private: s.key},
		Log:         slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		NATSOptions: []nats.Option{nats.InProcessServer(s.node)},
		Policy: refund.Policy{
			Timeout: time.Minute, Quiet: time.Minute, RetryDeadline: 24 * time.Hour, Repeat: refund.RepeatSameDay,
		},
		Replicas: 1,
		Retry:    retry.Policy{Initial: 2 * time.Second, Max: 15 * time.Minute},
		Revision: "scenario",
		Version:  "scenario",
	}
	for _, change := range changes {
		change(&cfg)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.worker = &running{stop: stop, done: make(chan error, 1)}
	go func() { s.worker.done <- service.Run(ctx, cfg) }()
}

// stopWorker drains the worker.
func (s *stack) stopWorker() {
	s.t.Helper()
	if s.worker == nil {
		return
	}
	s.worker.stop()
	if err := <-s.worker.done; err != nil {
		s.t.Errorf("worker ended with %v", err)
	}
	s.worker = nil
}

// script gives DOKU faults for requests that match.
func (s *stack) script(m dokusim.Match, faults ...dokusim.Fault) {
	s.t.Helper()
	if err := s.doku.Script(m, faults...); err != nil {
		s.t.Fatal(err)
	}
}

// posted is a job that was published, as the audit has to know it.
type posted struct {
	id, invoice string
	channel     channel.Channel
	amount      int64
	token       string
}

// postings is what a job may say besides what it must.
type postings struct {
	notBefore, deadline time.Time
}

// plan is the next job of the channel, with an invoice of its own; it is not
// published yet, so that DOKU can be scripted for it.
func (s *stack) plan(ch channel.Channel) posted {
	n := len(s.posted) + 1
	p := posted{
		id: fmt.Sprintf("rf-%d", n), invoice: fmt.Sprintf("IN-%d", n), channel: ch, amount: int64(1000 + n),
		token: fmt.Sprintf("secret-token-of-%d", n),
	}
	s.posted = append(s.posted, p)
	return p
}

// publish publishes the job.
func (s *stack) publish(p posted, extra ...func(*postings)) {
	s.t.Helper()
	var more postings
	for _, e := range extra {
		e(&more)
	}
	msg := nats.NewMsg("refunds.jobs." + string(p.channel))
	msg.Data = p.body(s.t, more)
	if _, err := s.js.PublishMsg(s.t.Context(), msg); err != nil {
		s.t.Fatal(err)
	}
}

// post plans and publishes.
func (s *stack) post(ch channel.Channel, extra ...func(*postings)) posted {
	s.t.Helper()
	p := s.plan(ch)
	s.publish(p, extra...)
	return p
}

func (p posted) body(t *testing.T, more postings) []byte {
	t.Helper()
	job := map[string]any{"refund_id": p.id, "channel": string(p.channel), "invoice_number": p.invoice, "amount": p.amount}
	if p.channel == channel.CreditCard {
		job["original_request_id"] = "REQ-" + p.id
	} else {
		job["customer"] = map[string]string{"access_token": p.token}
	}
	if !more.notBefore.IsZero() {
		job["not_before"] = more.notBefore.Format(time.RFC3339)
	}
	if !more.deadline.IsZero() {
		job["deadline"] = more.deadline.Format(time.RFC3339)
	}
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func until(deadline time.Time) func(*postings) {
	return func(p *postings) { p.deadline = deadline }
}

func from(notBefore time.Time) func(*postings) {
	return func(p *postings) { p.notBefore = notBefore }
}

// refunds matches the refund calls of p.
func (p posted) refunds() dokusim.Match {
	return dokusim.Match{Operation: dokusim.OpRefund, Channel: string(p.channel), Invoice: p.invoice}
}

// inquiries matches the inquiries about p: a card's names no invoice.
func (p posted) inquiries() dokusim.Match {
	if p.channel == channel.CreditCard {
		return dokusim.Match{Operation: dokusim.OpInquiry, Key: refund.RequestID(clientID, p.id)}
	}
	return dokusim.Match{Operation: dokusim.OpInquiry, Channel: string(p.channel), Invoice: p.invoice}
}

// calls returns the refund calls of p that arrived at DOKU.
func (s *stack) calls(p posted) []dokusim.Request { return s.doku.RequestsFor(p.refunds()) }

// logged keeps what a worker logs: one output that must hold no secret.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.text.Bytes())
}

// count returns how many lines hold all the words.
func (l *logged) count(words ...string) int {
	n := 0
lines:
	for line := range strings.Lines(string(l.bytes())) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		n++
	}
	return n
}
