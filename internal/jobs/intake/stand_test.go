package intake_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/intake"
	"refundworker.example/refundworker/internal/jobs/stream"
)

const timeout = 20 * time.Second // far beyond what any wait here takes

// stand is a broker with the streams and one channel's two consumers.
type stand struct {
	t    testing.TB
	opts server.Options
	srv  *server.Server
	nc   *nats.Conn
	js   jetstream.JetStream
}

// newStand gives the consumers an AckWait.
func newStand(t testing.TB, ackWait time.Duration) *stand {
	t.Helper()
	s := &stand{t: t, opts: server.Options{
		Host: "127.0.0.1", Port: freePort(t), JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	}}
	s.startServer()
	t.Cleanup(func() { s.stopServer() })
	nc, err := nats.Connect(s.srv.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond),
		nats.ReconnectJitter(0, 0), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	s.nc = nc
	if s.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	s.setUp(ackWait)
	return s
}

// setUp makes the two streams that an intake reads, and one channel's consumers:
// all eight channels' would take most of a test's time.
func (s *stand) setUp(ackWait time.Duration) {
	s.t.Helper()
	for _, c := range stream.Configs(1) {
		if c.Name != stream.Jobs && c.Name != stream.Waits {
			continue
		}
		if _, err := s.js.CreateStream(s.t.Context(), c); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, c := range consumers() {
		c.Config.AckWait = ackWait
		if _, err := s.js.CreateConsumer(s.t.Context(), c.Stream, c.Config); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *stand) startServer() {
	s.t.Helper()
	opts := s.opts
	srv, err := server.NewServer(&opts)
	if err != nil {
		s.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(timeout) {
		s.t.Fatal("server is not ready")
	}
	s.srv = srv
}

func (s *stand) stopServer() {
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
}

func freePort(t testing.TB) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func consumers() []stream.Consumer { return stream.Consumers([]channel.Channel{channel.CreditCard}) }

// alter changes both consumers as an operator may.
func (s *stand) alter(change func(*jetstream.ConsumerConfig)) {
	s.t.Helper()
	for _, c := range consumers() {
		change(&c.Config)
		if _, err := s.js.UpdateConsumer(s.t.Context(), c.Stream, c.Config); err != nil {
			s.t.Fatal(err)
		}
	}
}

// publish stores n messages, bodies "0" … "n-1", on a subject.
func (s *stand) publish(subject string, n int) {
	s.t.Helper()
	for i := range n {
		if _, err := s.js.PublishAsync(subject, []byte(strconv.Itoa(i))); err != nil {
			s.t.Fatal(err)
		}
	}
	select {
	case <-s.js.PublishAsyncComplete():
	case <-time.After(timeout):
		s.t.Fatal("publishing hangs")
	}
}

func (s *stand) jobs(n int) { s.t.Helper(); s.publish(jobs.JobSubject(channel.CreditCard), n) }
func (s *stand) dues(n int) { s.t.Helper(); s.publish(jobs.DueSubject(channel.CreditCard), n) }

// unsettled returns how many messages the server waits to hear about.
func (s *stand) unsettled() int {
	s.t.Helper()
	n := 0
	for _, c := range consumers() {
		consumer, err := s.js.Consumer(s.t.Context(), c.Stream, c.Config.Durable)
		if err != nil {
			s.t.Fatal(err)
		}
		n += consumer.CachedInfo().NumAckPending
	}
	return n
}

// waiting returns how many pulls stand at the server.
func (s *stand) waiting() int {
	n := 0
	for _, c := range consumers() {
		consumer, err := s.js.Consumer(s.t.Context(), c.Stream, c.Config.Durable)
		if err != nil {
			s.t.Fatal(err)
		}
		n += consumer.CachedInfo().NumWaiting
	}
	return n
}

// running is an intake at work.
type running struct {
	*intake.Intake
	log  *logBuffer
	stop func() // takes no more, and waits for the end
}

// run starts an intake with short timings; change may set others.
func (s *stand) run(concurrency int, handle func(context.Context, *intake.Delivery), change ...func(*intake.Config)) *running {
	s.t.Helper()
	r := &running{log: &logBuffer{}}
	cfg := intake.Config{
		JS: s.js, Channel: channel.CreditCard, Concurrency: concurrency, Ceiling: time.Minute, Handle: handle,
		Log: slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&cfg)
	}
	in, err := intake.New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Intake = in
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx, context.Background()) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				s.t.Errorf("Run: %v", err)
			}
		case <-time.After(timeout):
			s.t.Error("Run did not end")
		}
	})
	s.t.Cleanup(r.stop)
	return r
}

// logBuffer is written by the intake and read by the test.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// receive takes one value in time.
func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(timeout):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// eventually asks until what holds: for state that only a server knows.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(timeout)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

// ack is what most handlers here do.
func ack(t testing.TB, d *intake.Delivery) {
	t.Helper()
	if err := d.Ack(); err != nil {
		t.Errorf("ack: %v", err)
	}
}

func name(d *intake.Delivery) string { return fmt.Sprintf("%v %s", d.Origin, d.Data) }
