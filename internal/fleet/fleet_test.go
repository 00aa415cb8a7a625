package fleet_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setup starts a server on which the user "stranger" may not ask.
func setup(t *testing.T) (connect func(user string) *nats.Conn) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		Users: []*server.User{
			{Username: "friend", Password: "p"},
			{Username: "stranger", Password: "p", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Deny: []string{"refunds.fleet.>"}},
			}},
			{Username: "deaf", Password: "p", Permissions: &server.Permissions{
				Subscribe: &server.SubjectPermission{Deny: []string{"refunds.fleet.>"}},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("not ready")
	}
	return func(user string) *nats.Conn {
		nc, err := nats.Connect(s.ClientURL(), nats.UserInfo(user, "p"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
}

func serve(t *testing.T, nc *nats.Conn, w fleet.Worker) (stop func()) {
	t.Helper()
	stop, err := fleet.Serve(nc, func() fleet.Worker { return w })
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return stop
}

func ask(t *testing.T, nc *nats.Conn) []fleet.Worker {
	t.Helper()
	all, err := fleet.Ask(t.Context(), nc)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryWorkerAnswers(t *testing.T) {
	t.Parallel()
	connect := setup(t)
	open := fleet.Channel{Channel: channel.CreditCard, Breaker: "open", Reason: "failing", OpenUntil: time.Unix(1e9, 0).UTC(), Held: true}
	stopB := serve(t, connect("friend"), fleet.Worker{Instance: "b", Ready: true})
	serve(t, connect("friend"), fleet.Worker{Instance: "a", Reasons: []string{"stopping"}, Channels: []fleet.Channel{open}})
	all := ask(t, connect("friend"))
	if len(all) != 2 || all[0].Instance != "a" || all[1].Instance != "b" || all[0].V != fleet.Version {
		t.Fatalf("answers: %+v", all)
	}
	if !slices.Equal(all[0].Channels, []fleet.Channel{open}) || !slices.Equal(all[0].Reasons, []string{"stopping"}) || !all[1].Ready {
		t.Errorf("answers: %+v", all)
	}
	stopB()
	if all := ask(t, connect("friend")); len(all) != 1 {
		t.Errorf("one that has stopped answers: %+v", all)
	}
}

func TestNobodyAnswersAtOnceWhereNobodyListens(t *testing.T) {
	t.Parallel()
	connect := setup(t)
	start := time.Now()
	if all := ask(t, connect("friend")); len(all) != 0 {
		t.Errorf("answers: %+v", all)
	}
	if took := time.Since(start); took >= 2*time.Second { // as long as a first answer is waited for
		t.Errorf("it took %s to hear that nobody listens", took)
	}
}

func TestDenialIsNotTakenForSilence(t *testing.T) {
	t.Parallel()
	connect := setup(t)
	serve(t, connect("friend"), fleet.Worker{Instance: "a"})
	for _, user := range []string{"stranger", "deaf"} {
		if all, err := fleet.Ask(t.Context(), connect(user)); !errors.Is(err, fleet.ErrDenied) {
			t.Errorf("%s: %+v, %v", user, all, err)
		}
	}
}

// A worker may publish results; anyone who asks must not choose where it replies.
func TestNoReplyLandsOnAnotherSubject(t *testing.T) {
	t.Parallel()
	connect := setup(t)
	serve(t, connect("friend"), fleet.Worker{Instance: "a"})
	asker := connect("friend")
	heard, err := asker.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	if err := asker.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := asker.Publish(fleet.Subject, nil); err != nil {
		t.Fatal(err)
	}
	for _, reply := range []string{"refunds.results.credit_card.succeeded.rf-1", "_INBOX.x", "refunds.fleet.replies", fleet.ReplyPrefix + "x"} {
		if err := asker.PublishRequest(fleet.Subject, reply, nil); err != nil {
			t.Fatal(err)
		}
	}
	for {
		msg, err := heard.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		switch msg.Subject {
		case fleet.Subject:
		case fleet.ReplyPrefix + "x": // the last one: nothing else came before it
			return
		default:
			t.Errorf("a reply on %s", msg.Subject)
		}
	}
}
