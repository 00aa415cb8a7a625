package main

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/refund"
)

// storeDeadLetter makes dead letters of jobs once they are stored, as a worker does.
func storeDeadLetter(t *testing.T, s stack, reason stream.DeadReason, sequences ...uint64) {
	t.Helper()
	stored, err := s.nc.SubscribeSync("refunds.jobs.*")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	letters := stream.NewDeadLetters(s.js, func() int { return 1 << 20 })
	go func() {
		for range sequences {
			if _, err := stored.NextMsgWithContext(t.Context()); err != nil {
				return
			}
		}
		for _, seq := range sequences {
			_ = letters.Publish(t.Context(), stream.DeadLetter{Reason: reason, Channel: channel.CreditCard, Stream: stream.Jobs, Sequence: seq, Subject: "refunds.jobs.credit_card"})
		}
	}()
}

func TestDeadLetterIsSaidAtOnceAndHasNotSucceeded(t *testing.T) {
	t.Parallel()
	s := setup(t)
	storeDeadLetter(t, s, stream.DeadUnreadable, 1)
	got := s.enqueue("", cardFlags("rf-1", "--wait")...)
	got.expect(t, exitSome, 1, 0, 0)
	got.says(t, "rf-1", "became a dead letter: unreadable")
	got.says(t, "succeeded 0, not succeeded 1, without result 0")
}

// Of two jobs, only the one whose message it was.
func TestNoticeIsMatchedByItsSequence(t *testing.T) {
	t.Parallel()
	s := setup(t)
	want := s.settle(result("rf-1", refund.Succeeded))
	storeDeadLetter(t, s, stream.DeadUnreadable, 2, 7)
	got := s.enqueue(card("rf-1")+"\n"+card("rf-2"), "--wait", "-")
	got.expect(t, exitSome, 2, 0, 0)
	got.says(t, "line 2 (rf-2)", "became a dead letter")
	got.says(t, "succeeded 1, not succeeded 1, without result 0")
	if strings.Count(got.stderr, "dead letter") != 1 || got.stdout != string(want)+"\n" {
		t.Errorf("%+v", got)
	}
}

// The other content's result is still printed, and the job is counted once.
func TestConflictIsSaidAtOnceAndTheOthersResultPrinted(t *testing.T) {
	t.Parallel()
	s := setup(t)
	said, err := s.nc.SubscribeSync("refunds.notices.*")
	if err != nil {
		t.Fatal(err)
	}
	storeDeadLetter(t, s, stream.DeadRefundIDConflict, 1)
	ended := make(chan outcome, 1)
	go func() { ended <- s.enqueue("", cardFlags("rf-1", "--wait")...) }()
	if _, err := said.NextMsgWithContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := result("rf-1", refund.Succeeded)
	other.Amount = 1
	want := s.settle(other)
	got := <-ended
	got.expect(t, exitSome, 1, 0, 0)
	got.says(t, "succeeded 0, not succeeded 1, without result 0")
	if got.stdout != string(want)+"\n" {
		t.Errorf("printed %s", got.stdout)
	}
}

// A user who may not subscribe to notices loses the hint alone.
func TestDeniedNoticesCostOnlyTheHint(t *testing.T) {
	t.Parallel()
	s := serve(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
		Users: []*server.User{
			{Username: "setup", Password: "setup-secret"},
			{Username: "worker", Password: "worker-secret"},
			{Username: "narrow", Password: "narrow-secret", Permissions: &server.Permissions{Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}}}},
		},
	})
	fill(t, s)
	got := enqueue(t.Context(), nil, append(cardFlags("rf-1"), "--wait", "--nats-url", as(s, "narrow"))...)
	got.expect(t, exitOK, 1, 0, 0)
	if strings.Contains(got.stderr, "denied") {
		t.Errorf("%s", got.stderr)
	}
}

func TestNoticesOfOthersAndWhatIsNoneChangeNothing(t *testing.T) {
	t.Parallel()
	n := newNotices()
	for _, body := range []string{
		"", "{}", `{"v":1,"channel":"credit_card","reason":"unreadable","stream":"REFUND_WAITS","sequence":1,"refund_id":null,"stored_at":"2026-11-21T09:00:00Z"}`,
		`{"v":2,"stream":"REFUND_JOBS","sequence":1,"reason":"unreadable"}`,
	} {
		n.note([]byte(body))
	}
	if why := n.of(1); why != "" {
		t.Errorf("%s", why)
	}
	for seq := range uint64(mostNotices + 10) {
		n.mu.Lock()
		if len(n.seen) < mostNotices {
			n.seen[seq+2] = stream.DeadUnreadable
		}
		n.mu.Unlock()
	}
	n.note([]byte(`{"v":1,"reason":"unreadable","stream":"REFUND_JOBS","sequence":999999999,"stored_at":"2026-11-21T09:00:00Z"}`))
	if len(n.seen) != mostNotices {
		t.Errorf("%d are kept", len(n.seen))
	}
}

func TestFullQueueIsSaidInWords(t *testing.T) {
	t.Parallel()
	s := setup(t)
	stream, err := s.js.Stream(t.Context(), stream.Jobs)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxBytes = 1
	if _, err := s.js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	got := s.enqueue("", cardFlags("rf-1")...)
	got.expect(t, exitSome, 0, 0, 0)
	got.says(t, "rf-1", "the queue takes no more jobs until some are worked off")
}
