package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"refundworker.example/refundworker/internal/channel"
	"refundworker.example/refundworker/internal/fleet"
	"refundworker.example/refundworker/internal/jobs/stream"
	"refundworker.example/refundworker/internal/operator"
	"refundworker.example/refundworker/internal/refund"
)

func TestListsAndStatsWithShippedPermissions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	waiting := record("rf-wait", refund.Waiting)
	b.put(t, waiting)
	b.wait(t, waiting)
	b.put(t, record("rf-open", refund.Unresolved, func(r *refund.Record) { r.Code = refund.CodeOutcomeUnknown }))
	b.put(t, record("rf-done", refund.Succeeded))
	holds(t, b.done(t, "list"), "rf-wait", "rf-open", "rf-done", "Rp 90.000")
	holds(t, b.done(t, "list", "--state=waiting"), "rf-wait", "in ")
	holds(t, b.done(t, "list", "--limit=2"), "more: --after=2")
	holds(t, b.done(t, "list", "--result=failed"), "no refund fits")
	holds(t, b.done(t, "unresolved", "list"), "rf-open", "outcome_unknown")
	var page operator.Page
	b.json(t, &page, "list", "--older=30m", "--code=outcome_unknown", "--channel=credit_card", "--text=op")
	if len(page.Refunds) != 1 || page.Refunds[0].RefundID != "rf-open" {
		t.Errorf("%+v", page)
	}
	holds(t, b.done(t, "pause", "credit_card", "--for=2h"), "paused credit_card for the whole fleet")
	holds(t, b.done(t, "stats"), "paused for", "UNRESOLVED", "all")
	holds(t, b.done(t, "resume", "credit_card"), "resumed")
	if out := b.done(t, "stats"); strings.Contains(out, "paused") {
		t.Errorf("still paused:\n%s", out)
	}
}

func TestSweepWithShippedPermissions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, record("rf-lost", refund.Waiting))
	holds(t, b.done(t, "sweep", "--dry-run", "--settle=1ms"), "rf-lost", "lost: 1; without")
	holds(t, b.done(t, "sweep", "--settle=1ms"), "lost: 1; they got")
	holds(t, b.done(t, "sweep", "--settle=1ms"), "no refund is lost")
}

// storeDeadLetter stores a dead letter as a worker does.
func (b broker) storeDeadLetter(t *testing.T, source uint64, body string) {
	t.Helper()
	l := stream.DeadLetter{
		Reason: stream.DeadUnreadable, Channel: channel.CreditCard, Stream: stream.Jobs, Sequence: source,
		Subject: "refunds.jobs.credit_card", Body: []byte(body),
	}
	if err := stream.NewDeadLetters(b.js, func() int { return 1 << 20 }).WithoutNotices().Publish(t.Context(), l); !errors.Is(err, stream.ErrNotNoticed) {
		t.Fatal(err)
	}
}

func TestDeadLettersWithShippedPermissionsAndNoSecretShown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const job = `{"channel":"direct_debit_mandiri","invoice_number":"INV-1","amount":1000,"customer":{"access_token":"planted-secret-1"}}`
	b.storeDeadLetter(t, 1, job)
	b.storeDeadLetter(t, 2, "planted-secret-2")
	b.storeDeadLetter(t, 3, strings.Replace(job, "{", `{"refund_id":"rf-9","refund_id":"rf-8",`, 1))
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("planted-secret-3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	say := func(text string) string { shown.WriteString(text); return text }
	holds(t, say(b.done(t, "dead", "list")), "LETTER", "no refund_id", "not one complete JSON object", "more than one refund_id")
	holds(t, say(b.done(t, "dead", "show", "1")), "unreadable", "refunds.jobs.credit_card, sequence 1")
	fix := []string{
		"dead", "replay", "1", "--set=refund_id=rf-1", "--set=channel=direct_debit_mandiri", "--set=customer.access_token=@" + token,
		"--set=reason=late",
	}
	holds(t, say(b.done(t, append(fix, "--dry-run")...)), "would be published", "access_token [redacted]", "rf-1")
	holds(t, say(b.done(t, append(fix, "--because=producer forgot the id")...)), "published as job 1", "published: 1, refused: 0")
	e := b.operator(t, "dead", "replay", "2", "3", "--because=x")
	if say(e.out); e.status != 1 || !strings.Contains(e.out, "published: 0, refused: 2") {
		t.Errorf("%+v", e)
	}
	holds(t, say(b.done(t, "dead", "discard", "2", "3", "--because=no job at all")), "erased letters: 2 3")
	holds(t, say(b.done(t, "dead", "list", "--all")), "replayed by ayu", "discarded", "no job at all")
	if strings.Contains(shown.String(), "planted-secret") {
		t.Errorf("a secret is shown:\n%s", shown.String())
	}
	if e := b.operator(t, "dead", "show", "1", "--raw"); e.out != job {
		t.Errorf("raw: %+v", e)
	}
	if e := b.operator(t, "dead", "replay", "--set=planted-secret-4", "--because=x", "1"); e.status != 2 || strings.Contains(e.errors, "planted") {
		t.Errorf("%+v", e)
	}
}

// screen is stdout that tells when it grows.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.text.Write(p)
	select {
	case s.grown <- struct{}{}:
	default:
	}
	return n, err
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestWatchShowsARefundUntilItHasEnded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := record("rf-1", refund.Sending)
	b.put(t, first)
	out := &screen{grown: make(chan struct{}, 1)}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	end := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		end <- run(ctx, []string{
			"--nats-url=" + strings.Replace(b.url, "nats://", "nats://operator:operator-secret@", 1),
			"--nats-inbox-prefix=_INBOX_operator", "--output=json", "watch", "rf-1",
		}, nil, out, &errs)
	}()
	<-out.grown
	last := record("rf-1", refund.Succeeded)
	last.Prev = 1
	if _, err := b.ledger.Append(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if status := <-end; status != 0 {
		t.Errorf("status %d: %s", status, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var c change
	if len(lines) != 2 || json.Unmarshal([]byte(lines[1]), &c) != nil || c.State != "succeeded" || c.RefundID != "rf-1" {
		t.Errorf("%s", out.String())
	}
}

func TestBadFiltersAreAllNamed(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"list", "--state=gone", "--channel=cash", "--older=x", "--limit=-1"}, nil, &out, &errs)
	if status != 2 || strings.Count(errs.String(), "\n") != 4 {
		t.Errorf("status %d:\n%s", status, errs.String())
	}
	errs.Reset()
	if status := run(t.Context(), []string{"pause", "cash"}, nil, &out, &errs); status != 2 || !strings.Contains(errs.String(), "CHANNEL:") {
		t.Errorf("status %d: %s", status, errs.String())
	}
}

// serve answers as a worker, under a worker's permissions.
func (b broker) serve(t *testing.T, w fleet.Worker) {
	t.Helper()
	nc := b.as(t, "worker").Conn()
	stop, err := fleet.Serve(nc, func() fleet.Worker { return w })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenBreakersOfTheFleetAreShown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, record("rf-1", refund.Succeeded))
	holds(t, b.done(t, "stats"), "workers: no worker answered; breakers are not known")
	holds(t, b.done(t, "doctor", "--nats-only"), "warning workers: no worker answered", "0 break a rule")
	card := fleet.Channel{Channel: channel.CreditCard, Breaker: fleet.Closed}
	b.serve(t, fleet.Worker{Instance: "a1", Ready: true, Channels: []fleet.Channel{card}})
	holds(t, b.done(t, "stats"), "workers: 1 answered, 0 open breakers")
	holds(t, b.done(t, "doctor", "--nats-only"), "ok workers: 1 answered", "0 break a rule")
	card.Breaker, card.Reason, card.OpenUntil = "open", "failing", time.Now().Add(time.Hour)
	b.serve(t, fleet.Worker{Instance: "b2", Reasons: []string{"credit_card: circuit breaker open: failing"}, Channels: []fleet.Channel{card}})
	out := b.done(t, "stats")
	holds(t, out, "workers: 2 answered, 1 open breakers", "credit_card: breaker open on 1 of 2 workers: failing; next probe in ")
	e := b.operator(t, "doctor", "--nats-only")
	holds(t, e.out, "problem workers: credit_card: breaker open on 1 of 2 workers: failing", "RefundBreakerOpen",
		"warning workers: b2 is not ready: credit_card: circuit breaker open: failing")
	if e.status != 1 {
		t.Errorf("status %d", e.status)
	}
	var report struct {
		Workers []fleet.Worker `json:"workers"`
		Open    []struct {
			Channel string   `json:"channel"`
			Reasons []string `json:"reasons"`
		} `json:"open_breakers"`
		Asked bool `json:"workers_asked"`
	}
	if err := json.Unmarshal([]byte(b.done(t, "--output=json", "stats")), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Workers) != 2 || !report.Asked || len(report.Open) != 1 || report.Open[0].Channel != "credit_card" {
		t.Errorf("%+v", report)
	}
}

// Users of before, without the permission, are told so and lose nothing else.
func TestStatsWithoutThePermissionToAskWorkers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, record("rf-1", refund.Succeeded))
	holds(t, b.runAs(t, "metrics", "doctor", "--nats-only").out, "warning workers: not allowed to ask the workers")
}
