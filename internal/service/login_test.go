package service_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/service"
)

// A worker that was given a wrong password says so in its readiness, and works
// as soon as the file holds the right one.
func TestAWorkerWhosePasswordIsWrongWorksOnceItsFileIsRight(t *testing.T) {
	t.Parallel()
	f := setup(t, devstack.Config{})
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
		Users: []*server.User{{Username: "worker", Password: "right"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(timeLimit) {
		t.Fatal("not ready")
	}
	host := s.Addr().String()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("nats://worker:wrong@"+host), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	f.worker(t, func(cfg *service.Config) {
		cfg.HTTPAddr, cfg.Setup = addr, true
		cfg.Connect = config.NATS{
			NATSURL: "nats://worker:wrong@" + host, NATSURLFile: file, NATSInboxPrefix: "_INBOX", NATSAPIPrefix: "$JS.API",
		}
	})
	readiness(t, addr, http.StatusServiceUnavailable, "user, password or credentials refused")
	if status, text := fetch(t, addr, "/readyz"); status != http.StatusServiceUnavailable || strings.Contains(text, "wrong") {
		t.Errorf("readyz: %d, %s", status, text)
	}
	if err := os.WriteFile(file, []byte("nats://worker:right@"+host), 0o600); err != nil {
		t.Fatal(err)
	}
	readiness(t, addr, http.StatusOK, "ready")

	nc, err := nats.Connect("nats://"+host, nats.UserInfo("worker", "right"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if f.JS, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	f.journal = openJournal(t, f.JS)
	d := scenario{channel: channel.CreditCard, want: paidAtOnce("PARTIAL_REFUND")}.trial("login")
	d.begin(t, f)
	f.journal.waitResults(t, 1)
}
