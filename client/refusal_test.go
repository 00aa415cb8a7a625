package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"refundworker.example/refundworker/client"
)

// instead answers publishes of card jobs with these acknowledgements, one after the
// other and then the last again, in place of the stream.
func (s shop) instead(t *testing.T, answers ...string) {
	t.Helper()
	if err := s.stack.JS.DeleteStream(t.Context(), "REFUND_JOBS"); err != nil {
		t.Fatal(err)
	}
	n := 0
	_, err := s.stack.NC.Subscribe("refunds.jobs.credit_card", func(m *nats.Msg) {
		_ = m.Respond([]byte(answers[min(n, len(answers)-1)]))
		n++
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.stack.NC.Flush(); err != nil {
		t.Fatal(err)
	}
}

func apiError(code int, text string) string {
	return fmt.Sprintf(`{"error":{"code":503,"err_code":%d,"description":%q}}`, code, text)
}

// Only what proves that nothing was stored is a refusal: after it somebody may ask for
// the same refund under another id.
func TestOnlyAProofIsARefusal(t *testing.T) {
	t.Parallel()
	full, disk := apiError(10077, "maximum bytes exceeded"), apiError(10077, "no space left on device")
	for name, c := range map[string]struct {
		answers []string
		refused bool
	}{
		"the queue is full":            {[]string{full}, true},
		"the account is full":          {[]string{apiError(10002, "resource limits exceeded for account")}, true},
		"too large":                    {[]string{apiError(10054, "message size exceeds maximum allowed")}, true},
		"the disk fails":               {[]string{disk}, false},
		"the disk fails, then is full": {[]string{disk, full}, false},
		"a code that we do not know":   {[]string{apiError(10999, "something new")}, false},
		"no acknowledgement":           {[]string{`{}`}, false},
		"another stream":               {[]string{`{"stream":"OTHER","seq":1}`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ctx := newShop(t, false, func(o *client.Options) { o.PublishWithin = 300 * time.Millisecond })
			s.instead(t, c.answers...)
			_, err := s.Publish(ctx, card("rf-1"))
			if errors.Is(err, client.ErrRefused) != c.refused || errors.Is(err, client.ErrUnacknowledged) == c.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A disk that fails for a moment: the job is published again.
func TestAPublishThatFailedIsRepeated(t *testing.T) {
	t.Parallel()
	s, ctx := newShop(t, false)
	s.instead(t, apiError(10077, "input/output error"), `{"stream":"REFUND_JOBS","seq":7}`)
	if receipt, err := s.Publish(ctx, card("rf-1")); err != nil || receipt.Sequence != 7 {
		t.Errorf("%+v, %v", receipt, err)
	}
}

// NATS tells the connection of a denial, not which request it means: nobody knows
// whether it is this one.
func TestADenialIsSaidAndProvesNothing(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		Users: []*server.User{{Username: "shop", Password: "x", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: []string{"nothing"}},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("shop", "x"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	c, err := client.New(nc, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = c.Publish(ctx, card("rf-1"))
	if !errors.Is(err, client.ErrDenied) || !errors.Is(err, client.ErrUnacknowledged) || errors.Is(err, client.ErrRefused) {
		t.Errorf("Publish: %v", err)
	}
	if _, err := c.Wait(ctx, "rf-1"); !errors.Is(err, client.ErrDenied) {
		t.Errorf("Wait: %v", err)
	}
	if err := c.Results(ctx, "shop", func(context.Context, client.Result) error { return nil }); !errors.Is(err, client.ErrDenied) {
		t.Errorf("Results: %v", err)
	}
}

// A handler that panics takes nothing of ours with it but its own call: goleak sees the
// goroutine that keeps its message.
func TestAHandlerThatPanicsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s, ctx := newShop(t, true)
	s.consumer(t, "REFUNDS", "refunds.results.>")
	publish(ctx, t, s, card("rf-1"))
	defer func() {
		if recover() == nil {
			t.Error("the panic is gone")
		}
	}()
	_ = s.Results(ctx, "shop", func(context.Context, client.Result) error { panic("the shop's own") })
}
