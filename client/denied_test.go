package client

import (
	"errors"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// What NATS denied before says nothing about what is asked now: the permission may have
// been given since.
func TestAnOldDenialProvesNothing(t *testing.T) {
	t.Parallel()
	const subject = "refunds.jobs.credit_card"
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		Users: []*server.User{{Username: "shop", Password: "x", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: []string{subject}},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	told := make(chan struct{}, 1)
	nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("shop", "x"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) { told <- struct{}{} }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	c := &Client{nc: nc}
	if err := nc.Publish(subject, nil); err != nil {
		t.Fatal(err)
	}
	<-told
	if err := c.denied(nil, subject); !errors.Is(err, ErrDenied) {
		t.Errorf("a new one: %v", err)
	}
	if err := c.denied(nc.LastError(), subject); err != nil {
		t.Errorf("an old one: %v", err)
	}
}
