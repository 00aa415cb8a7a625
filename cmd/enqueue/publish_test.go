package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/retry"
)

func TestNATSAwayIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	got := enqueue(t.Context(), nil, append(cardFlags("rf-1"), "--nats-url", nowhere)...)
	got.expect(t, exitSome, 0, 0, 0)
	got.says(t, "connect to NATS", "no servers available", "(127.0.0.1:1)")
}

func TestAPasswordInABadAddressIsNotPrinted(t *testing.T) {
	t.Parallel()
	got := enqueue(t.Context(), nil, append(cardFlags("rf-1"), "--nats-url", "nats://me:hush-%zz@127.0.0.1:1, me:hush@127.0.0.1:2")...)
	if got.status != exitUsage || !strings.HasPrefix(got.stderr, "enqueue: NATS_URL: server 1 is no address") {
		t.Errorf("status %d: %s", got.status, got.stderr)
	}
	if strings.Contains(got.stderr, "hush") {
		t.Errorf("printed: %s", got.stderr)
	}
}

func TestWhatNATSDeniesIsNamedWithItsSubject(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	fill(t, s)
	lines := card("rf-1") + "\n" + strings.Replace(card("rf-2"), "credit_card", "emoney_ovo", 1) + "\n" + card("rf-3")
	got := enqueue(t.Context(), strings.NewReader(lines), "--nats-url", as(s, "metrics"), "--nats-inbox-prefix", "_INBOX_metrics", "-")
	got.expect(t, exitSome, 0, 0, 0)
	for place, subject := range map[string]string{
		"line 1 (rf-1)": "refunds.jobs.credit_card", "line 2 (rf-2)": "refunds.jobs.emoney_ovo", "line 3 (rf-3)": "refunds.jobs.credit_card",
	} {
		got.says(t, place, "not published: denied by NATS", `"`+subject+`"`)
	}
	got.says(t, "not published: 3;")
}

func TestAWrongInboxPrefixIsFoundBeforeAnythingIsStored(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	fill(t, s)
	got := enqueue(t.Context(), nil, append(cardFlags("rf-1"), "--nats-url", as(s, "producer"))...)
	got.expect(t, exitSome, 0, 0, 0)
	got.says(t, "denied by NATS", "is NATS_INBOX_PREFIX right?")
	if stored := streamed(t, connected(t, s, "operator"), stream.Jobs); len(stored) > 0 {
		t.Errorf("%d are stored", len(stored))
	}
}

func TestARefusalOfTheServerIsOneJobsOwn(t *testing.T) {
	t.Parallel()
	s := setup(t)
	stream, err := s.js.Stream(t.Context(), stream.Jobs)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxMsgSize = 300
	if _, err := s.js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	long := strings.Replace(card("rf-2"), "}", `,"reason":"`+strings.Repeat("x", 250)+`"}`, 1)
	got := s.enqueue(card("rf-1")+"\n"+long+"\n"+card("rf-3"), "-")
	got.expect(t, exitSome, 2, 0, 0)
	got.says(t, "line 2 (rf-2)", "not published", "message size exceeds maximum")
}

func TestPublishingGoesOnWhereNATSComesBack(t *testing.T) {
	t.Parallel()
	s := setup(t)
	b, err := dial(t.Context(), flagsFor(s))
	if err != nil {
		t.Fatal(err)
	}
	defer b.nc.Close()
	say := newConsole(&bytes.Buffer{})
	sender := b.sender(say, func(job) {})
	sender.timeout = time.Minute
	sender.start(t.Context())
	first, _ := examine(item{place: "line 1", body: []byte(card("rf-1"))})
	second, _ := examine(item{place: "line 2", body: []byte(card("rf-2"))})
	sender.send(first)
	s.nats.Stop()
	sender.send(second) // or it is in flight as the server goes
	if err := s.nats.Restart(); err != nil {
		t.Fatal(err)
	}
	sender.finish()
	if say.published+say.queued != 2 || !say.complete() {
		t.Errorf("%s, %d not published", say.counts(), say.failures())
	}
	if got := len(s.stored()); got != 2 {
		t.Errorf("%d are stored", got)
	}
}

// silent is a NATS that never acknowledges.
type silent struct{ again atomic.Int64 }

func (*silent) PublishMsgAsync(*nats.Msg, ...jetstream.PublishOpt) (jetstream.PubAckFuture, error) {
	return nil, nats.ErrTimeout
}

func (s *silent) Publish(context.Context, stream.Publication) (stream.Receipt, error) {
	s.again.Add(1)
	return stream.Receipt{}, jetstream.ErrNoStreamResponse
}

func TestDrainTimeOutIsOneForAllThatIsInFlight(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	nats := &silent{}
	s := &sender{
		js: nats, again: nats, denied: newDenials(), timeout: 50 * time.Millisecond, stored: func(job) { t.Error("stored") },
		connected: func(context.Context) error { return nil }, say: newConsole(&stderr),
		pauses: retry.Policy{Initial: 10 * time.Millisecond, Max: 10 * time.Millisecond},
	}
	s.start(t.Context())
	for i := range 20 {
		s.send(job{place: fmt.Sprint("line ", i), refundID: "rf", channel: channel.CreditCard, body: []byte("{}")})
	}
	s.finish()
	if got := s.again.(*silent).again.Load(); got < 2 || got > 6 {
		t.Errorf("%d repeats", got)
	}
	if !s.gone() || s.say.failures() != 20 {
		t.Errorf("gone: %t, %d failures", s.gone(), s.say.failures())
	}
	if n := strings.Count(stderr.String(), "trying again for 50ms"); n != 1 {
		t.Errorf("%d warnings", n)
	}
	if !strings.Contains(stderr.String(), "line 0 (rf): not published: no stream takes refunds.jobs.credit_card") {
		t.Errorf("printed %s", &stderr)
	}
}

// refusing gives no future, and has stored the job all the same.
type refusing struct{ err error }

func (r refusing) PublishMsgAsync(*nats.Msg, ...jetstream.PublishOpt) (jetstream.PubAckFuture, error) {
	return nil, r.err
}

func (refusing) Publish(context.Context, stream.Publication) (stream.Receipt, error) {
	return stream.Receipt{Duplicate: true}, nil
}

func TestOnlyWhatGotNoAnswerIsPublishedAgain(t *testing.T) {
	t.Parallel()
	for err, repeated := range map[error]bool{
		jetstream.ErrAsyncPublishTimeout: true, jetstream.ErrNoStreamResponse: true, nats.ErrDisconnected: true,
		nats.ErrReconnectBufExceeded: true, nats.ErrConnectionReconnecting: true, errors.New("anything else"): true,
		&jetstream.APIError{ErrorCode: 10077, Description: "maximum bytes exceeded"}: false, &jetstream.APIError{ErrorCode: 10077, Description: "no space left on device"}: true, stream.ErrWrongStream: false, errDenied: false,
	} {
		s := &sender{
			js: refusing{err}, again: refusing{}, denied: newDenials(), timeout: time.Minute, stored: func(job) {},
			connected: func(context.Context) error { return nil }, say: newConsole(&bytes.Buffer{}),
		}
		s.start(t.Context())
		s.send(job{place: "line 1", refundID: "rf", channel: channel.CreditCard, body: []byte("{}")})
		s.finish()
		if got := s.say.queued == 1; got != repeated {
			t.Errorf("%v: repeated: %t", err, got)
		}
	}
}

func TestProgressIsDrawnOnATerminalAloneAndTakenAway(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	for terminal, want := range map[bool]string{
		false: "enqueue: hello\npublished 3, already queued 0, rejected 0\n",
		true: "published 1, already queued 0, rejected 0\r\x1b[Kenqueue: hello\n" +
			"published 3, already queued 0, rejected 0\r\x1b[Kpublished 3, already queued 0, rejected 0\n",
	} {
		var out bytes.Buffer
		c := newConsole(&out)
		c.terminal, c.now = terminal, func() time.Time { return now }
		c.publish(false)
		c.publish(false) // too soon to be drawn
		c.line("hello")
		now = now.Add(redraw)
		c.publish(false)
		c.totals()
		if out.String() != want {
			t.Errorf("terminal %t: %q", terminal, out.String())
		}
	}
}
