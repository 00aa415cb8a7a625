package service_test

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/ledger"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/service"
)

// TestMain lets many tests run side by side: they wait for times that the
// protocol sets (ten seconds to send, then the quiet period), not for a core.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// timeLimit is how long anything here may take before its test fails. The
// longest scenarios need three sends, 13 seconds apart.
const timeLimit = 100 * time.Second

// fixture is a stack with everything that is read of it from outside.
type fixture struct {
	*devstack.Stack
	journal *journal
	ledger  *ledger.Ledger
}

func setup(t *testing.T, cfg devstack.Config) fixture {
	t.Helper()
	cfg.Dir = t.TempDir()
	s, err := devstack.Start(context.WithoutCancel(t.Context()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return fixture{Stack: s, journal: openJournal(t, s.JS), ledger: ledger.New(ledger.Config{
		JS: s.JS, ClientID: devstack.ClientID, Environment: "simulator", Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})}
}

// worker starts a worker that the test's end drains.
func (f fixture) worker(t *testing.T, change func(*service.Config)) *devstack.Worker {
	t.Helper()
	w := f.start(t, change)
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Errorf("worker ended with %v", err)
		}
	})
	return w
}

// start starts a worker that the test itself stops.
func (f fixture) start(t *testing.T, change func(*service.Config)) *devstack.Worker {
	t.Helper()
	return f.StartWorker(context.WithoutCancel(t.Context()), f.config(t, change))
}

func (f fixture) config(t *testing.T, change func(*service.Config)) service.Config {
	t.Helper()
	level := slog.LevelError + 4
	if testing.Verbose() && os.Getenv("LOG_LEVEL") == "debug" {
		level = slog.LevelDebug
	}
	cfg := f.WorkerConfig(slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level})))
	if change != nil {
		change(&cfg)
	}
	return cfg
}

// publish is a raw NATS publisher: it knows the contract's text and nothing of
// our code.
func (f fixture) publish(t *testing.T, ch channel.Channel, body string, headers ...string) {
	t.Helper()
	f.post(t, "refunds.jobs."+string(ch), body, headers...)
}

func (f fixture) post(t *testing.T, subject, body string, headers ...string) {
	t.Helper()
	msg := nats.NewMsg(subject)
	msg.Data = []byte(body)
	for i := 0; i+1 < len(headers); i += 2 {
		msg.Header.Set(headers[i], headers[i+1])
	}
	if _, err := f.JS.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until holds does. It asks every few milliseconds: nothing
// outside of a process tells when its health, or the server's view of a
// consumer, changes.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never came: %s", what)
		}
	}
}

// freeAddr is where nobody listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// fetch reads a page of a worker; status 0 where nobody answers.
func fetch(t *testing.T, addr, path string) (status int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := client.Get("http://" + addr + path)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(text)
}
