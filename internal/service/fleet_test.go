package service_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/fleet"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/proof/dokusim"
	"refundworker.example/refundworker/internal/refund"
	"refundworker.example/refundworker/internal/service"
)

// A DOKU that answers, and fails: the channel stops, says why, and continues by
// itself; what was queued meanwhile was never in doubt.
func TestAFailingDOKUStopsItsChannelAndSaysSo(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	addr := freeAddr(t)
	f.worker(t, func(cfg *service.Config) {
		patientCalls(cfg)
		cfg.HTTPAddr, cfg.Concurrency = addr, 1
		cfg.Retry.Initial, cfg.Retry.Max = 2*time.Second, 2*time.Second
	})
	if err := f.DOKU.Script(dokusim.Match{Operation: dokusim.OpAny, Channel: dokusim.CreditCard},
		dokusim.Fault{Kind: dokusim.ErrorBefore, Status: 503, Count: -1}); err != nil {
		t.Fatal(err)
	}
	scenarios := make([]trial, 0, 8)
	for i := range cap(scenarios) {
		d := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial(fmt.Sprint("queued-", i))
		d.begin(t, f)
		scenarios = append(scenarios, d)
	}
	readiness(t, addr, http.StatusOK, "credit_card: circuit breaker open: failing")
	all, err := fleet.Ask(t.Context(), f.NC)
	if err != nil || len(all) != 1 || !all[0].Ready || all[0].ClientID != devstack.ClientID || all[0].Version != "devstack" {
		t.Fatalf("the fleet: %+v, %v", all, err)
	}
	for _, c := range all[0].Channels {
		stopped := c.Channel == channel.CreditCard
		if (c.Breaker != fleet.Closed) != stopped || (c.Reason == "failing") != stopped || c.OpenUntil.IsZero() == stopped || c.Paused || c.Held {
			t.Errorf("%+v", c)
		}
	}
	f.DOKU.ClearRules()
	for _, d := range scenarios {
		f.journal.state(t, d.id, refund.Succeeded)
	}
	if _, text := fetch(t, addr, "/readyz"); strings.TrimSpace(text) != "ready" {
		t.Errorf("after the outage: %s", text)
	}
	f.settled(t)
	f.audit(t)
	for _, d := range scenarios {
		if n := len(f.DOKU.RequestsFor(d.refundCalls())); n < 1 || n > 2 {
			t.Errorf("%s: %d calls", d.id, n)
		}
	}
}

// restricted starts a server on which nothing of the fleet's subjects is
// allowed, nor more, as with permissions that were made before them.
func restricted(t *testing.T, more ...string) *server.Server {
	t.Helper()
	none := &server.SubjectPermission{Deny: append([]string{"refunds.fleet.>"}, more...)}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
		Users: []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{Publish: none, Subscribe: none}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("not ready")
	}
	return s
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestAWorkerThatMayNotBeAskedWorksAsAnyOther(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	s := restricted(t)
	log := &lines{}
	addr := freeAddr(t)
	cfg := devstack.CardWorkerConfig(strings.Replace(s.ClientURL(), "nats://", "nats://u:p@", 1), f.DOKUURL(), slog.New(slog.NewJSONHandler(log, nil)))
	cfg.Setup, cfg.HTTPAddr = true, addr
	w := f.StartWorker(context.WithoutCancel(t.Context()), cfg)
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Errorf("worker ended with %v", err)
		}
	})
	eventually(t, "the denial in the log", func() bool { return strings.Contains(log.String(), "refunds.fleet.status") })
	readiness(t, addr, http.StatusOK, "ready")
	if status, text := fetch(t, addr, "/readyz"); status != http.StatusOK || strings.TrimSpace(text) != "ready" {
		t.Errorf("%d %s", status, text)
	}
	if n := strings.Count(log.String(), "Permissions Violation"); n != 1 || strings.Contains(log.String(), `"level":"ERROR"`) {
		t.Errorf("%d denials in the log: %s", n, log.String())
	}
}
