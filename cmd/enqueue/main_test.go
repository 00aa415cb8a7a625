package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/ats"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/config"
	"refundworker.example/refundworker/internal/jobs"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/proof/devstack"
	"refundworker.example/refundworker/internal/refund"
)

// The passwords are for the server's configuration that deploy/ ships, which
// reads the environment; a parallel test must not change it. The access-time
// ticker is held here so that no server is taken for its leak.
func TestMain(m *testing.M) {
	for _, user := range []string{"SETUP", "WORKER", "OPERATOR", "METRICS", "PRODUCER", "SHOP", "GATEWAY"} {
		if err := os.Setenv("NATS_"+user+"_PASSWORD", strings.ToLower(user)+"-secret"); err != nil {
			panic(err)
		}
	}
	ats.Register()
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// stack is a NATS with the streams of the contract.
type stack struct {
	t    *testing.T
	nats *devstack.NATS
	nc   *nats.Conn
	js   jetstream.JetStream
}

func setup(t *testing.T) stack {
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
	return stack{t, n, nc, js}
}

// shipped is a server with the accounts and permissions of deploy/nats.conf.
func shipped(t *testing.T) *server.Server {
	t.Helper()
	opts, err := server.ProcessConfigFile("../../deploy/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.HTTPPort, opts.HTTPHost = "127.0.0.1", server.RANDOM_PORT, 0, ""
	opts.StoreDir, opts.SyncAlways, opts.NoSigs, opts.NoLog = t.TempDir(), false, true, true
	return serve(t, opts)
}

func serve(t *testing.T, opts *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(30 * 1e9) {
		t.Fatal("nats-server does not accept connections")
	}
	return s
}

// as returns the server's URL for a user of deploy/nats.conf.
func as(s *server.Server, user string) string {
	u := url.URL{Scheme: "nats", User: url.UserPassword(user, user+"-secret"), Host: s.Addr().String()}
	return u.String()
}

// outcome is what a run of the program left.
type outcome struct {
	status         int
	stdout, stderr string
}

func (o outcome) last() string {
	lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
	return lines[len(lines)-1]
}

// expect fails unless status and the last line on stderr are as said.
func (o outcome) expect(t *testing.T, status int, published, queued, rejected int) {
	t.Helper()
	want := fmt.Sprintf("published %d, already queued %d, rejected %d", published, queued, rejected)
	if o.status != status || o.last() != want {
		t.Fatalf("status %d (want %d), last line %q (want %q)\nstdout: %s\nstderr: %s", o.status, status, o.last(), want, o.stdout, o.stderr)
	}
}

// says fails unless a line on stderr has all parts.
func (o outcome) says(t *testing.T, parts ...string) {
	t.Helper()
	for line := range strings.Lines(o.stderr) {
		found := 0
		for _, part := range parts {
			if strings.Contains(line, part) {
				found++
			}
		}
		if found == len(parts) {
			return
		}
	}
	t.Fatalf("no line on stderr has %q:\n%s", parts, o.stderr)
}

func enqueue(ctx context.Context, stdin io.Reader, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	status := run(ctx, args, stdin, &stdout, &stderr)
	return outcome{status, stdout.String(), stderr.String()}
}

// enqueue runs the program against the stack.
func (s stack) enqueue(stdin string, args ...string) outcome {
	s.t.Helper()
	return enqueue(s.t.Context(), strings.NewReader(stdin), append([]string{"--nats-url", s.nats.URL()}, args...)...)
}

// stored returns what the stream of jobs holds, in its order.
func (s stack) stored() []*jetstream.RawStreamMsg {
	s.t.Helper()
	return streamed(s.t, s.js, stream.Jobs)
}

func streamed(t *testing.T, js jetstream.JetStream, name string) []*jetstream.RawStreamMsg {
	t.Helper()
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	var all []*jetstream.RawStreamMsg
	for n := uint64(1); n <= stream.CachedInfo().State.LastSeq; n++ {
		msg, err := stream.GetMsg(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, msg)
	}
	return all
}

// settle puts a result into the ledger, as a worker would.
func (s stack) settle(r jobs.Result) []byte {
	s.t.Helper()
	if _, err := s.js.Publish(s.t.Context(), r.Subject(), r.Encode()); err != nil {
		s.t.Fatal(err)
	}
	return r.Encode()
}

// card returns a card job as an order system might write it.
func card(id string) string {
	return `{"refund_id":"` + id + `","channel":"credit_card","invoice_number":"INV-1","original_request_id":"req-1","amount":90000}`
}

// result returns a result of the job that card returns.
func result(id string, status refund.State) jobs.Result {
	return jobs.Result{
		RefundID: id, Channel: channel.CreditCard, Status: status, InvoiceNumber: "INV-1",
		OriginalRequestID: "req-1", Amount: 90000, Currency: jobs.Currency, Environment: "simulator",
	}
}

// cardFlags are the flags of the job that card returns.
func cardFlags(id string, more ...string) []string {
	return append([]string{
		"--refund-id", id, "--channel", "credit_card", "--invoice-number", "INV-1",
		"--original-request-id", "req-1", "--amount", "90000",
	}, more...)
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// connected returns JetStream as a user with an inbox prefix of its own.
func connected(t *testing.T, s *server.Server, user string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(as(s, user), nats.CustomInboxPrefix("_INBOX_"+user),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
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

// flagsFor returns the flags that reach the stack.
func flagsFor(s stack) config.NATS {
	return config.NATS{NATSURL: s.nats.URL(), NATSInboxPrefix: "_INBOX", NATSAPIPrefix: "$JS.API"}
}
