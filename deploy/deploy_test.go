// Package deploy_test proves what deploy/ ships by running it: nats.conf is
// parsed and served by a real nats-server, every user does over a real
// connection what the programs need, and everything that would let a client
// move money or forge a result is tried and denied.
//
// Invariant: a denied attempt leaves every stream as it was.
package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

// users are all that nats.conf knows; each has the password "<user>-secret".
var users = []string{"setup", "worker", "operator", "metrics", "producer", "shop", "gateway"}

func passwordVariable(user string) string {
	return map[string]string{
		"setup": "NATS_SETUP_PASSWORD", "worker": "NATS_WORKER_PASSWORD",
		"operator": "NATS_OPERATOR_PASSWORD", "metrics": "NATS_METRICS_PASSWORD",
		"producer": "NATS_PRODUCER_PASSWORD", "shop": "NATS_SHOP_PASSWORD",
		"gateway": "NATS_GATEWAY_PASSWORD",
	}[user]
}

// TestMain sets the passwords for the whole process: the parser of nats.conf
// reads the environment, and a parallel test must not change it.
func TestMain(m *testing.M) {
	for _, user := range users {
		if err := os.Setenv(passwordVariable(user), user+"-secret"); err != nil {
			panic(err)
		}
	}
	// The server's mirrors give up some seconds after their server has.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*stream).setupMirrorConsumer.func3"))
}

// broker is a server running nats.conf, but for its addresses and its disk.
type broker struct {
	t   *testing.T
	url string
}

func startBroker(t *testing.T) broker {
	t.Helper()
	opts, err := server.ProcessConfigFile("nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.HTTPPort = "127.0.0.1", server.RANDOM_PORT, 0
	opts.StoreDir = t.TempDir()
	opts.NoSigs, opts.NoLog = true, true
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server does not accept connections")
	}
	return broker{t, s.ClientURL()}
}

// client is one user's connection.
type client struct {
	t    *testing.T
	name string
	nc   *nats.Conn
	js   jetstream.JetStream
}

// connect logs a user in as its program would: with an inbox prefix of its
// own and, in an account of its own, with the API prefix of its imports.
func (b broker) connect(user string) client {
	b.t.Helper()
	nc, err := nats.Connect(b.url, nats.UserInfo(user, user+"-secret"),
		nats.CustomInboxPrefix("_INBOX_"+user), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		b.t.Fatalf("connect as %s: %v", user, err)
	}
	b.t.Cleanup(nc.Close)
	prefix := jetstream.DefaultAPIPrefix
	if user == "shop" || user == "gateway" {
		prefix = "REFUNDS.API"
	}
	js, err := jetstream.NewWithAPIPrefix(nc, prefix)
	if err != nil {
		b.t.Fatal(err)
	}
	return client{b.t, user, nc, js}
}

// denial publishes and returns the permission error that the server answered
// with, nil where it let the message pass. The server answers a violation
// before the pong that Flush waits for, so nothing here depends on time.
func (c client) denial(subject, reply string, header nats.Header, body string) error {
	c.t.Helper()
	msg := &nats.Msg{Subject: subject, Reply: reply, Header: header, Data: []byte(body)}
	if err := c.nc.PublishMsg(msg); err != nil {
		c.t.Fatalf("publish %s as %s: %v", subject, c.name, err)
	}
	return c.violation(fmt.Sprintf("Publish to %q", subject))
}

// request asks and returns the answer's body.
func (c client) request(subject, body string) string {
	c.t.Helper()
	msg, err := c.nc.RequestWithContext(ctx(c.t), subject, []byte(body))
	if err != nil {
		c.t.Fatalf("%s asks %s: %v", c.name, subject, err)
	}
	return string(msg.Data)
}

// undisturbed fails the test if the server refused anything to this client.
func (c client) undisturbed() {
	c.t.Helper()
	if err := c.nc.FlushWithContext(ctx(c.t)); err != nil {
		c.t.Fatal(err)
	}
	if err := c.nc.LastError(); err != nil {
		c.t.Errorf("%s was refused something that it needs: %v", c.name, err)
	}
}

func ctx(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestShippedConfigurationFlushesEveryWrite(t *testing.T) {
	t.Parallel()
	opts, err := server.ProcessConfigFile("nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	if !opts.JetStream || !opts.SyncAlways {
		t.Errorf("JetStream %v, sync_interval always %v: want both", opts.JetStream, opts.SyncAlways)
	}
	if opts.NoAuthUser != "" {
		t.Errorf("a client without a password becomes %q", opts.NoAuthUser)
	}
}

func TestEveryUserHasItsOwnPasswordAndNobodyComesInWithout(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	for _, user := range users {
		b.connect(user)
		others := slices.DeleteFunc(slices.Clone(users), func(o string) bool { return o == user })
		for _, other := range others {
			if nc, err := nats.Connect(b.url, nats.UserInfo(user, other+"-secret")); err == nil {
				nc.Close()
				t.Errorf("%s comes in with the password of %s", user, other)
			}
		}
	}
	if nc, err := nats.Connect(b.url); err == nil {
		nc.Close()
		t.Error("a client without a name comes in")
	}
}

// violation waits for all that was sent to be judged, and returns the
// permission error about exactly this, if there is one.
func (c client) violation(what string) error {
	c.t.Helper()
	if err := c.nc.FlushWithContext(ctx(c.t)); err != nil {
		c.t.Fatal(err)
	}
	err := c.nc.LastError()
	if errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), what) {
		return err
	}
	return nil
}
